-- Renders one page in Splash.  Arguments: see splash.py.  When a page is finished is plan.py's rule.
-- Splash's sandbox has of Lua's string functions little more than find, sub and lower.
local TICK = 0.1

local FILES = {".woff", ".woff2", ".ttf", ".otf", ".eot", ".mp3", ".mp4", ".m4a", ".webm", ".ogg", ".m3u8", ".mpd"}

local function status(splash)
  local history = splash:history()
  return #history > 0 and history[#history].response.status or 0
end

local function is_wanted(url)
  if not (url:find("^https?:") or url:find("^data:")) then
    return false
  end
  local query = url:find("[?#]")
  local path = (query and url:sub(1, query - 1) or url):lower()
  for _, ending in ipairs(FILES) do
    if path:sub(-#ending) == ending then
      return false
    end
  end
  return true
end

function main(splash, args)
  local waiting, under_way, activity, time, place = {}, 0, 0, 0, nil
  splash.images_enabled = false
  splash.plugins_enabled = false
  splash.resource_timeout = args.resource_timeout
  if args.cookies then
    splash:init_cookies(args.cookies)
  end
  if args.user_agent then
    splash:set_user_agent(args.user_agent)
  end
  -- They ignore the proxy.  A frame can still have them, unless the server itself takes them away (deploy/splash).
  splash:autoload("window.WebSocket = undefined; window.Worker = undefined;")
  splash:on_request(function(request)
    if not is_wanted(request.url) then
      request:abort()
    else
      if place then  -- a part of the page, which it can do without
        request:set_timeout(args.part_timeout)
      end
      place = place or request.url
      waiting[request.url] = (waiting[request.url] or 0) + 1
      under_way, activity = under_way + 1, time
    end
  end)
  splash:on_response(function(response)
    local url = response.request.url
    if waiting[url] and waiting[url] > 0 then
      waiting[url] = waiting[url] - 1
      under_way, activity = under_way - 1, time
    end
  end)

  local done, ok, reason = splash:with_timeout(function()
    return splash:go{args.url, headers = args.headers}
  end, args.load_timeout)
  if not done then  -- some part never ends; what came so far may be all there is to read
    if status(splash) == 0 then
      return {failure = "network4", url = splash:url()}
    end
  elseif not ok and not tostring(reason):find("^http") then
    return {failure = tostring(reason), url = splash:url()}
  end

  local look = splash:jsfunc(args.look)
  local want = {consent = args.consent, selector = args.selector}
  local text, changed, clicks = -1, 0, 0
  while time < args.limit do
    local done, seen = pcall(look, want)
    if done then
      place = seen.url
      if seen.clicked ~= "" then
        clicks = clicks + 1
        if clicks == args.clicks then
          want.consent = {}
        end
      end
      if seen.text ~= text or seen.clicked ~= "" then
        text, changed = seen.text, time
      end
      local quiet = under_way == 0 or time - activity >= args.stall
      local still = time - changed >= args.quiet
      if args.pause then
        if time >= args.pause then break end
      elseif args.idle then
        if under_way == 0 and time - activity >= args.quiet then break end
      elseif args.selector then
        if seen.found and still then break end
      elseif text >= args.enough then
        if still and ((seen.ready and quiet) or time - changed >= args.stall) then break end
      elseif still and quiet and seen.ready and (time >= args.thin or status(splash) >= 400) then
        break
      end
    end
    splash:wait{TICK, cancel_on_redirect = false, cancel_on_error = false}
    time = time + TICK
  end

  local html = splash:html()
  if #html > args.max_size then
    return {failure = "too-large", url = splash:url()}
  end
  local history = splash:history()
  if #history == 0 then
    return {failure = "nothing", url = splash:url()}
  end
  local last, headers = history[#history].response, {}
  for _, header in ipairs(last.headers) do
    local name = header.name:lower()
    if name ~= "content-encoding" and name ~= "content-length" and name ~= "transfer-encoding" then
      headers[header.name] = header.value
    end
  end
  return {
    url = place or splash:url(),
    html = html,
    http_status = last.status,
    headers = headers,
    cookies = splash:get_cookies(),
  }
end
