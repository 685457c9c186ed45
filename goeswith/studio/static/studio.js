// Every page works without this file; it saves full loads, keeps the place, and speaks to screen readers.
"use strict";

const root = document.documentElement;
const home = new URL("..", document.currentScript.src);  // where the studio is, also under a path of a proxy
const $ = (selector, within = document) => within.querySelector(selector);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];

function say(text) {
  const toast = $("#toast");
  toast.textContent = text;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => { toast.textContent = ""; }, 3500);
}

async function fetched(address, options = {}) {
  const answer = await fetch(address, { headers: { Accept: "text/html", "X-Part": "1" }, ...options });
  return { page: new DOMParser().parseFromString(await answer.text(), "text/html"), url: answer.url };
}

// ---- parts of a page that change while the rest stays ----

let turns = 0;  // an answer that was overtaken by a newer question is dropped

function pathTo(element) {
  // Where the focus was, so that it can go back there: the same control of the new part, or the one at its place.
  if (!element) return null;
  const label = element.getAttribute("aria-label") || element.textContent.trim();
  const kind = element.classList[0] ? `${element.tagName}.${element.classList[0]}` : element.tagName;
  return { label, kind };
}

function refocus(part, focused) {
  if (!focused) return;
  const same = all(focused.kind, part);
  const target = same.find((x) => (x.getAttribute("aria-label") || x.textContent.trim()) === focused.label) || same[0] || part;
  if (target === part) part.tabIndex = -1;
  target.focus({ preventScroll: true });
}

function replace(id, page, aloud) {
  const fresh = page.getElementById(id);
  const old = document.getElementById(id);
  if (!fresh || !old) return null;
  const rail = $("#more[data-load]", fresh);
  const before = $("#more", old);
  const within = before?.contains(document.activeElement);
  const focused = !within && old.contains(document.activeElement) ? pathTo(document.activeElement) : null;
  if (rail && before) {  // what was offered stays in sight until the new offers are there
    rail.replaceChildren(...before.childNodes);
    rail.classList.add("busy");
  }
  for (const field of all("[data-keep]", fresh)) {
    const kept = field.type === "checkbox" ? "checked" : "value";
    field[kept] = document.getElementById(field.id)?.[kept] ?? field[kept];
  }
  document.dispatchEvent(new CustomEvent("part-leaves", { detail: id }));
  old.replaceWith(fresh);
  document.dispatchEvent(new CustomEvent("part-arrives", { detail: id }));
  if (within && rail) refocus(rail, { kind: "#more" });
  else refocus(fresh, focused);
  if (fresh.dataset.say && aloud !== false) announce(fresh.dataset.say);
  wake(fresh);
  return fresh;
}

function announce(text) {
  $("#voice").textContent = text;
}

async function swap(id, address, { options = {}, push = true, from = address } = {}) {
  const turn = ++turns;
  const old = document.getElementById(id);
  old?.classList.add("busy");
  old?.setAttribute("aria-busy", "true");
  try {
    const { page, url } = await fetched(from, options);
    if (turn !== turns) return;
    if (!page.getElementById(id) || !old) { location.assign(address); return; }
    if (from !== address) history.replaceState(history.state, "", address);  // another tab is no step to undo
    else if (push) history.pushState({ part: id, depth: (history.state?.depth || 0) + 1 }, "", url);
    if (page.title) document.title = page.title;
    if (id === "results" && page.getElementById("chosen")) keepFilters(page);
    const fresh = replace(id, page);
    if (fresh.dataset.on) carry(JSON.parse(fresh.dataset.on), fresh.dataset.carried);
    if (id === "more") for (const knob of all(".knob.swap, .piece")) knob.ariaCurrent = knob.href === new URL(address, location.href).href ? "true" : null;
  } catch {
    old?.classList.remove("busy");
    old?.removeAttribute("aria-busy");
    say("The studio does not answer; try again.");
  }
}

function keepFilters(page) {
  // The pills and numbers follow the results; what somebody is typing or has open stays.
  const open = $(".filters")?.open;
  const chosen = $("#chosen");
  const focused = chosen.contains(document.activeElement) ? document.activeElement : null;
  const fresh = page.getElementById("chosen");
  const heights = Object.fromEntries(all(".facet", chosen).map((facet) => [$("legend", facet).textContent, $(".options", facet)?.scrollTop || 0]));
  $(".filters", fresh).open = open || $(".filters", fresh).open;
  const name = focused?.getAttribute("name");
  const focusedPath = pathTo(focused);
  chosen.replaceWith(fresh);
  for (const facet of all(".facet", fresh)) if (heights[$("legend", facet).textContent]) $(".options", facet).scrollTop = heights[$("legend", facet).textContent];
  const same = name && all(`[name="${name}"]`, fresh);
  const again = name && (focused.type === "checkbox" ? same.find((box) => box.value === focused.value) : same[0]);
  if (again) again.focus({ preventScroll: true });
  else refocus(fresh, focusedPath);
  const words = $("#q");
  if (document.activeElement !== words) words.value = $("#q", page).value;
}

addEventListener("popstate", () => {
  for (const id of ["board", "results", "looks", "reviews", "review", "quiz", "rules"]) {
    if (document.getElementById(id)) { swap(id, location.href, { push: false }); return; }
  }
});

// ---- the board goes along in every address ----

const isCarried = (name) => ["on", "lock", "look", "lay"].includes(name) || name.startsWith("want_");

function carry(on, query) {
  for (const link of all("[data-carry]")) {
    if (link.tagName === "FORM") {
      all('input[type="hidden"]', link).filter((field) => isCarried(field.name)).forEach((field) => field.remove());
      for (const [name, value] of new URLSearchParams(query)) {
        const field = document.createElement("input");
        Object.assign(field, { type: "hidden", name, value });
        link.prepend(field);
      }
      continue;
    }
    link.href = carried(link.href, query);
  }
  const count = $("#count");
  count.hidden = !on.length;
  count.lastChild.textContent = on.length;
}

function carried(href, query) {
  const address = new URL(href, location.href);
  for (const name of [...address.searchParams.keys()].filter(isCarried)) address.searchParams.delete(name);
  for (const [name, value] of new URLSearchParams(query)) address.searchParams.append(name, value);
  return address.href;
}

async function toggle(button) {
  const tray = $("#tray");
  const query = new URLSearchParams(new FormData($("#pick")));
  query.append("toggle", button.value);
  const pressed = button.getAttribute("aria-pressed") === "true";
  button.setAttribute("aria-pressed", String(!pressed));  // at once; the answer corrects it
  try {
    const { page } = await fetched(new URL(`tray?${query}`, home));
    tray.replaceWith(page.getElementById("tray"));
  } catch {
    button.setAttribute("aria-pressed", String(pressed));
    say("The studio does not answer; try again.");
    return;
  }
  const fresh = $("#tray");
  const on = JSON.parse(fresh.dataset.on);
  announce(fresh.dataset.say);
  for (const card of all('button[name="toggle"]')) card.setAttribute("aria-pressed", String(on.includes(card.value)));
  history.replaceState(history.state, "", carried(location.href, fresh.dataset.carried));
  carry(on, fresh.dataset.carried);
}

// ---- what is fetched when it is needed ----

const near = new IntersectionObserver((entries) => {
  for (const entry of entries) if (entry.isIntersecting) { near.unobserve(entry.target); further(entry.target); }
}, { rootMargin: "1400px 0px" });

async function further(more) {
  const link = $("a", more);
  try {
    const { page } = await fetched(link.href);
    const results = page.getElementById("results");
    if (!more.isConnected) return;
    const fresh = all(".wall, [data-next]", results);
    more.replaceWith(...fresh);
    fresh.forEach(wake);
  } catch {
    say("The studio does not answer; use the link below to continue.");
  }
}

// ---- the catalogue is found again as it was left: its filters, and how far down ----

const LEFT = "goeswith-catalogue";

function filtersOf(search) {
  const query = new URLSearchParams(search);
  for (const name of [...new Set(query.keys())].filter(isCarried)) query.delete(name);
  return query.toString();
}

addEventListener("pagehide", () => {
  if (!$("#finder")) return;
  const card = all(".wall .photo").find((button) => button.getBoundingClientRect().bottom > 0);
  const left = { filters: filtersOf(location.search), item: scrollY ? card?.value : "", top: card?.getBoundingClientRect().top };
  sessionStorage.setItem(LEFT, JSON.stringify(left));
});

async function findAgain() {
  const left = JSON.parse(sessionStorage.getItem(LEFT) || "null");
  if (!left) return;
  if (!$("#finder")) {
    for (const link of all("[data-return]")) {
      const address = new URL(link.href);
      address.search = new URLSearchParams([...new URLSearchParams(left.filters), ...address.searchParams]);
      link.href = address;
      link.addEventListener("click", () => sessionStorage.setItem(LEFT, JSON.stringify({ ...left, back: true })));
    }
    return;
  }
  const came = performance.getEntriesByType("navigation")[0]?.type;
  if (left.filters !== filtersOf(location.search) || !left.item || !(left.back || came === "back_forward" || came === "reload")) return;
  const there = () => all(".wall .photo").find((button) => button.value === left.item);
  for (let more = $("[data-next]"); more && !there(); more = $("[data-next]")) {
    near.unobserve(more);
    await further(more);
    if ($("[data-next]") === more) return;  // no answer
  }
  if (there()) scrollBy(0, there().getBoundingClientRect().top - left.top);
}

async function load(part) {
  const address = part.dataset.load;
  delete part.dataset.load;
  try {
    const { page } = await fetched(address);
    if (!part.isConnected || replace(part.id, page, false)) return;
    const trouble = document.createElement("p");
    trouble.className = "note";
    trouble.textContent = $("[role=alert]", page)?.textContent || "";
    part.replaceChildren(trouble);
  } catch {
    part.replaceChildren();
  }
}

function wake(within) {
  const self = (selector) => [...(within.matches?.(selector) ? [within] : []), ...all(selector, within)];
  self("[data-next]").forEach((more) => near.observe(more));
  self("[data-load]").forEach(load);
  self("[data-undo]").forEach((button) => { button.hidden = !(history.state?.depth > 0); });
  self(".drop input").forEach(preview);
  self("[data-door]").forEach(enter);
}

async function enter() {
  // Who follows a link from another site comes without the cookie that lets in; what is asked from here has it.
  const answer = await fetch(new URL("enter", home), { redirect: "manual" });
  if (answer.type === "opaqueredirect") location.replace(location.href);
}

// ---- clicks, forms and keys ----

document.addEventListener("click", (event) => {
  const plain = !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey || event.button);
  const link = event.target.closest("a[data-swap]");
  if (link && plain) { event.preventDefault(); swap(link.dataset.swap, link.href, { from: link.dataset.from }); return; }
  for (const pop of all("details.pop[open]")) if (!pop.contains(event.target)) pop.open = false;
  const button = event.target.closest("button");
  if (!button) return;
  if (button.matches("[data-theme-switch]")) switchTheme();
  else if (button.matches("[data-undo]")) history.back();
  else if (button.matches("[data-share]")) share();
});

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.id === "pick" && event.submitter) { event.preventDefault(); toggle(event.submitter); return; }
  if (form.matches(".news")) form.elements.back.value = location.pathname + location.search;
  if (!form.dataset.swap) return;
  event.preventDefault();
  const data = new URLSearchParams(new FormData(form, event.submitter));
  if (form.method === "post") { swap(form.dataset.swap, form.action, { options: { method: "POST", body: data } }); return; }
  for (const [name, value] of [...data]) if (value === "") data.delete(name, value);
  swap(form.dataset.swap, `${form.action}?${data}`);
});

let typing;
document.addEventListener("input", (event) => {
  const form = event.target.form;
  if (!(form?.id === "finder" || form?.matches("[data-auto]")) || !["search", "number"].includes(event.target.type)) return;
  clearTimeout(typing);
  typing = setTimeout(() => form.isConnected && form.requestSubmit(), form.id === "finder" ? 250 : 500);
});
document.addEventListener("change", (event) => {
  const form = event.target.form;
  if ((form?.id === "finder" || form?.matches("[data-auto]")) && !["search", "number"].includes(event.target.type)) form.requestSubmit();
  if (event.target.matches(".switch")) form.requestSubmit();
});

document.addEventListener("keydown", (event) => {
  const typed = event.target.closest("input:not([type=checkbox]), select, textarea");
  const pop = event.target.closest("details.pop[open]");
  if (event.key === "Escape" && pop) { pop.open = false; $("summary", pop).focus(); return; }
  if (event.key === "/" && !typed && $("#q")) { event.preventDefault(); $("#q").focus(); return; }
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z" && !typed) {
    const undo = $("[data-undo]");
    if (undo && !undo.hidden) { event.preventDefault(); undo.click(); }
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || typed) return;
  if (event.key === " " && event.target.matches('a[role="button"]')) { event.preventDefault(); event.target.click(); return; }
  const choice = $(`[data-key="${CSS.escape(event.key)}"]`);
  if (choice) { event.preventDefault(); choice.click(); return; }
  if (event.key.startsWith("Arrow")) arrows(event);
});

function arrows(event) {
  const here = event.target.closest(".wall .photo");
  if (!here) return;
  const cards = all(".wall .photo");
  const at = cards.indexOf(here);
  const top = here.getBoundingClientRect().top;
  const across = cards.slice(at).findIndex((card) => card.getBoundingClientRect().top > top + 4);
  const start = cards.slice(0, at).findLastIndex((card) => card.getBoundingClientRect().top < top - 4) + 1;
  const width = across > 0 ? at + across - start : cards.length;
  const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -width, ArrowDown: width }[event.key];
  const target = cards[at + step];
  if (target) { event.preventDefault(); target.focus(); }
}

// A picture of the catalogue dropped on the board below it.
const dropped = "text/x-goeswith-card";
document.addEventListener("pointerdown", (event) => event.target.closest?.(".wall .card")?.setAttribute("draggable", "true"));
document.addEventListener("dragstart", (event) => {
  const card = event.target.closest?.(".wall .card");
  if (card) event.dataTransfer.setData(dropped, $('button[name="toggle"]', card).value);
});
document.addEventListener("dragover", (event) => {
  if (event.target.closest?.("#tray") && event.dataTransfer.types.includes(dropped)) event.preventDefault();
});
document.addEventListener("drop", (event) => {
  const value = event.dataTransfer.getData(dropped);
  if (!value || !event.target.closest?.("#tray")) return;
  event.preventDefault();
  const button = all('button[name="toggle"]').find((toggle) => toggle.value === value);
  if (button?.getAttribute("aria-pressed") === "false") toggle(button);
});

function switchTheme() {
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  document.cookie = `theme=${root.dataset.theme}; path=${home.pathname.replace(/(?<=.)\/$/, "")}; max-age=31536000; samesite=lax`;
  announce(`${root.dataset.theme} colours`);
}

async function share() {
  try {
    await navigator.clipboard.writeText(location.href);
    say("The link is copied.");
  } catch {
    say("Copy the link from the address bar: it holds the whole board.");
  }
}

function preview(input) {
  const drop = input.closest(".drop");
  const show = () => {
    const [file] = input.files;
    const large = file && file.size > Number(input.dataset.most);
    input.setCustomValidity(large ? input.dataset.large : "");
    if (large) { input.reportValidity(); announce(input.dataset.large); }
    $("img", drop)?.remove();
    if (!file) return;
    const picture = document.createElement("img");
    picture.alt = `Your photo ${file.name}`;
    picture.src = URL.createObjectURL(file);
    picture.onerror = () => picture.remove();
    $("span", drop).replaceChildren(picture);
  };
  input.addEventListener("change", show);
  for (const [name, over] of [["dragenter", true], ["dragover", true], ["dragleave", false], ["drop", false]]) {
    input.addEventListener(name, () => drop.classList.toggle("over", over));
  }
}

document.cookie = "script=1; path=/; max-age=31536000; samesite=lax";  // suggestions may come after the board
wake(document);
findAgain();
