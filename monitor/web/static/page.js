// Helps on the page: keys, the check of a query while it is typed, and dragging over the time line.
"use strict";

const CHECK_DELAY_MS = 250;

function isTyping(target) {
  return target.closest("input, textarea, select") !== null;
}

function moveFocus(direction) {
  const links = [...document.querySelectorAll("[data-story] h2 a")];
  if (!links.length) return;
  const current = document.activeElement.closest("[data-story]");
  const index = links.findIndex((link) => current && current.contains(link));
  const next = index < 0 ? (direction > 0 ? 0 : links.length - 1) : index + direction;
  const link = links[Math.min(Math.max(next, 0), links.length - 1)];
  link.focus();
  link.scrollIntoView({ block: "nearest" });
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (isTyping(event.target)) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const input = document.getElementById("q");
  if (event.key === "/" && input) {
    event.preventDefault();
    input.focus();
    input.select();
  } else if (event.key === "j") {
    moveFocus(1);
  } else if (event.key === "k") {
    moveFocus(-1);
  }
});

// The column counts the characters of the query without the space around it; in several lines, a line is named too.
function placeName(text, column) {
  const start = text.length - text.trimStart().length;
  const before = text.slice(0, start) + [...text.slice(start)].slice(0, column - 1).join("");
  const lines = before.split("\n");
  if (!text.trim().includes("\n")) return `Column ${column}`;
  return `Line ${lines.length}, column ${[...lines.at(-1)].length + 1}`;
}

function showCheck(output, input, result) {
  const isFault = Boolean(result.error);
  const hint = result.hint ? `; ${result.hint}` : "";
  output.classList.toggle("error", isFault);
  input.setAttribute("aria-invalid", String(isFault));
  if (isFault) output.textContent = `${placeName(input.value, result.column)}: ${result.error}${hint}`;
  else output.textContent = result.notes.slice(0, 2).map((note) => `Note: ${note}`).join("  ");
}

for (const input of document.querySelectorAll("[data-check]")) {
  const output = document.getElementById("check");
  let timer = 0;
  let latest = 0;
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      const number = ++latest;
      const parameters = new URLSearchParams({ q: input.value, kind: input.dataset.check });
      const response = await fetch(`/api/v1/check?${parameters}`).catch(() => null);
      if (response && response.ok && number === latest) showCheck(output, input, await response.json());
    }, CHECK_DELAY_MS);
  });
}

// A list of names with commas offers the known ones for its last name; without a script, for the first one.
for (const input of document.querySelectorAll("[data-list]")) {
  const names = [...input.list.options].map((option) => option.value);
  input.addEventListener("input", () => {
    const before = input.value.match(/^(?:(?:[^",]|"[^"]*")*,)*/)[0]; // commas in quotes belong to a name
    [...input.list.options].forEach((option, index) => {
      option.value = before ? `${before.trimEnd()} ${names[index]}` : names[index];
    });
  });
}

// A story counts as read when its page is shown, unless its reader has just marked it as unread.
for (const form of document.querySelectorAll("[data-mark-read]")) {
  if (location.hash === "#unread") continue;
  const markRead = async () => {
    const fields = new URLSearchParams(new FormData(form));
    fields.set("action", "read");
    fields.set("quiet", "1");
    const response = await fetch(form.getAttribute("action"), { method: "POST", body: fields }).catch(() => null);
    if (!response || response.status !== 204) return;
    const button = form.querySelector("button");
    button.value = "unread";
    button.textContent = "Mark as unread";
    form.elements.next.value += "#unread";
  };
  if (document.visibilityState === "visible") markRead();
  else document.addEventListener("visibilitychange", markRead, { once: true });
}

for (const line of document.querySelectorAll("[data-timeline]")) {
  const bars = [...line.querySelectorAll("a")];
  let from = -1;
  let to = -1;
  const indexAt = (event) => {
    const box = line.getBoundingClientRect();
    const index = Math.floor(((event.clientX - box.left) / box.width) * bars.length);
    return Math.min(Math.max(index, 0), bars.length - 1);
  };
  const show = () => {
    const [low, high] = [Math.min(from, to), Math.max(from, to)];
    bars.forEach((bar, index) => bar.classList.toggle("selected", from >= 0 && index >= low && index <= high));
  };
  document.querySelector("[data-drag-hint]").hidden = false;
  line.addEventListener("dragstart", (event) => event.preventDefault());
  line.addEventListener("pointerdown", (event) => {
    if (event.button === 0 && bars.length) from = to = indexAt(event);
  });
  window.addEventListener("pointermove", (event) => {
    if (from < 0) return;
    to = indexAt(event);
    if (to !== from) show();
  });
  window.addEventListener("pointerup", () => {
    if (from < 0) return;
    const [low, high] = [Math.min(from, to), Math.max(from, to)];
    from = -1;
    if (low === high) return;
    const target = new URL(bars[low].getAttribute("href"), location.href);
    target.searchParams.set("until", new URL(bars[high].getAttribute("href"), location.href).searchParams.get("until"));
    location.assign(target);
  });
}
