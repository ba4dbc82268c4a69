-- Renders one page in Splash.  splash.py lists the arguments; render_options.py defines when a page is finished.
-- Splash's sandbox has few of Lua's string functions: find, sub and lower are used here.
local PROBE_INTERVAL_SECONDS = 0.1  -- between two calls of page_probe.js

local SKIPPED_FILE_ENDINGS = {
  ".woff", ".woff2", ".ttf", ".otf", ".eot", ".mp3", ".mp4", ".m4a", ".webm", ".ogg", ".m3u8", ".mpd"
}

-- Returns the status of the last response in the page's history, or 0 without a response.
-- Splash has read the page before and its cache asked for changes if that is 304: the page is shown from the cache.
local function http_status(splash)
  local history = splash:history()
  local status = #history > 0 and history[#history].response.status or 0
  return status == 304 and 200 or status
end

-- Returns true if the request is allowed: http(s) or data URLs, except fonts, audio and video.
local function is_allowed(url)
  if not (url:find("^https?:") or url:find("^data:")) then
    return false
  end
  local query = url:find("[?#]")
  local path = (query and url:sub(1, query - 1) or url):lower()
  for _, ending in ipairs(SKIPPED_FILE_ENDINGS) do
    if path:sub(-#ending) == ending then
      return false
    end
  end
  return true
end

local function is_same_or_below(host, domain)
  return host == domain or host:sub(-#domain - 1) == "." .. domain
end

-- Returns true if the URL is on one of the outlet's own sites, as OwnSites in own_sites.py decides.
local function is_own(url, sites)
  local _, _, scheme, authority = url:find("^(https?)://([^/?#\\]*)")
  if not scheme then
    return false
  end
  local at = authority:find("@[^@]*$")
  local host_and_port = (at and authority:sub(at + 1) or authority):lower()
  local _, _, host, port = host_and_port:find("^(.*):(%d+)$")
  host, port = host or host_and_port, port or (scheme == "https" and "443" or "80")
  host = host:sub(-1) == "." and host:sub(1, -2) or host
  for _, site in ipairs(sites) do
    local is_host = host == site.host or (site.with_subdomains and is_same_or_below(host, site.host))
    for _, excluded in ipairs(site.excluded or {}) do
      is_host = is_host and not is_same_or_below(host, excluded)
    end
    if is_host and site.endpoints[scheme .. ":" .. port] then
      return true
    end
  end
  return false
end

function main(splash, args)
  -- waiting: URL -> number of requests without a response; under_way: the sum of these numbers
  -- last_activity: time of the last request or response; elapsed: the current time; both in seconds since the first probe
  local waiting, under_way, last_activity, elapsed, page_url = {}, 0, 0, 0, nil
  splash.images_enabled = false
  splash.plugins_enabled = false
  splash.resource_timeout = args.resource_timeout
  if args.cookies then
    splash:init_cookies(args.cookies)
  end
  if args.user_agent then
    splash:set_user_agent(args.user_agent)
  end
  -- WebSockets and workers would bypass the proxy.  This removes them from the page; deploy/splash also from its frames.
  splash:autoload("window.WebSocket = undefined; window.Worker = undefined;")
  splash:on_request(function(request)
    if not is_allowed(request.url) then
      request:abort()
    else
      if page_url then  -- a script or style sheet, not the page itself
        request:set_timeout(args.subresource_timeout_seconds)
      end
      page_url = page_url or request.url
      if args.own_headers then
        if is_own(request.url, args.own_sites) then
          for name, value in pairs(args.own_headers) do
            request:set_header(name, value)
          end
        else
          request:set_header("User-Agent", args.other_user_agent)
        end
      end
      waiting[request.url] = (waiting[request.url] or 0) + 1
      under_way, last_activity = under_way + 1, elapsed
    end
  end)
  splash:on_response(function(response)
    local url = response.request.url
    if waiting[url] and waiting[url] > 0 then
      waiting[url] = waiting[url] - 1
      under_way, last_activity = under_way - 1, elapsed
    end
  end)

  local loaded, ok, reason = splash:with_timeout(function()
    return splash:go{args.url, headers = args.headers}
  end, args.load_timeout_seconds)
  if not loaded then  -- a script or style sheet is still loading; the page's text may be complete
    if http_status(splash) == 0 then
      return {failure = "network4", url = splash:url()}
    end
  elseif not ok and not tostring(reason):find("^http") then
    return {failure = tostring(reason), url = splash:url()}
  end

  local probe = splash:jsfunc(args.page_probe)
  local probe_options = {consent = args.consent, selector = args.selector}
  local text_length, last_change, clicks = -1, 0, 0
  while elapsed < args.settle_limit_seconds do
    local probed, result = pcall(probe, probe_options)
    if probed then
      page_url = result.url
      if result.clicked ~= "" then
        clicks = clicks + 1
        if clicks == args.max_consent_clicks then
          probe_options.consent = {}
        end
      end
      if result.text_length ~= text_length or result.clicked ~= "" then
        text_length, last_change = result.text_length, elapsed
      end
      local network_quiet = under_way == 0 or elapsed - last_activity >= args.stall_seconds
      local text_quiet = elapsed - last_change >= args.quiet_seconds
      if args.pause_seconds then
        if elapsed >= args.pause_seconds then break end
      elseif args.idle then
        if under_way == 0 and elapsed - last_activity >= args.quiet_seconds then break end
      elseif args.selector then
        if result.selector_found and text_quiet then break end
      elseif text_length >= args.enough_text_characters then
        if text_quiet and ((result.ready and network_quiet) or elapsed - last_change >= args.stall_seconds) then break end
      elseif text_quiet and network_quiet and result.ready
          and (elapsed >= args.thin_text_seconds or http_status(splash) >= 400) then
        break
      end
    end
    splash:wait{PROBE_INTERVAL_SECONDS, cancel_on_redirect = false, cancel_on_error = false}
    elapsed = elapsed + PROBE_INTERVAL_SECONDS
  end

  local html = splash:html()
  if #html > args.max_size then
    return {failure = "too-large", url = splash:url()}
  end
  local history = splash:history()
  if #history == 0 then
    return {failure = "nothing", url = splash:url()}
  end
  local last_response, headers = history[#history].response, {}
  for _, header in ipairs(last_response.headers) do
    local name = header.name:lower()
    if name ~= "content-encoding" and name ~= "content-length" and name ~= "transfer-encoding" then
      headers[header.name] = header.value
    end
  end
  return {
    url = page_url or splash:url(),
    html = html,
    http_status = http_status(splash),
    headers = headers,
    cookies = splash:get_cookies(),
  }
end
