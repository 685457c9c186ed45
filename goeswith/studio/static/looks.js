// Shows on a product page what goes with its item. No dependencies, no cookies, nothing is stored.
//
//   <goeswith-looks item="SKU" key="PUBLIC-KEY" style="display: block; min-height: 400px"></goeswith-looks>
//   <script src="https://looks.example/storefront/v1/looks.js" async></script>
//
// or in one tag: <script src=".../looks.js" data-item="SKU" data-key="PUBLIC-KEY" async></script>
(() => {
  "use strict";

  const NAME = "goeswith-looks";
  const script = document.currentScript;
  const home = script ? new URL(".", script.src).href : document.baseURI;
  const PATIENCE = 8000; // milliseconds for an answer
  const AHEAD = "600px"; // how near to the window it begins to load
  const WORDS = {
    en: ["Complete the look", "Look", "Add to basket", "Added to the basket", "Could not be added", "Sold out", "before"],
    de: ["Dazu passt", "Look", "In den Warenkorb", "Im Warenkorb", "Das ging leider nicht", "Ausverkauft", "vorher"],
    fr: ["Complétez la tenue", "Tenue", "Ajouter au panier", "Ajouté au panier", "Échec de l’ajout", "Épuisé", "avant"],
    es: ["Completa el look", "Look", "Añadir a la cesta", "Añadido a la cesta", "No se ha podido añadir", "Agotado", "antes"],
    it: ["Completa il look", "Look", "Aggiungi al carrello", "Nel carrello", "Non è stato aggiunto", "Esaurito", "prima"],
  };
  // Every height is fixed, so that the place is as high while it is empty as it is with looks.
  const STYLE = `
    :host { display: block; contain: layout style;
      --width: var(--goeswith-card-width, 160px); --picture: var(--goeswith-picture-height, 213px);
      --size: var(--goeswith-font-size, 14px); --gap: var(--goeswith-gap, 12px);
      color: var(--goeswith-colour, inherit); font-family: var(--goeswith-font, inherit);
      font-size: var(--size); line-height: 1.4; text-align: start; }
    :host([hidden]) { display: none; }
    * { box-sizing: border-box; margin: 0; padding: 0; }
    .heading { font-size: 1.3em; font-weight: 600; line-height: 1.4; height: 2em; overflow: hidden;
      white-space: nowrap; text-overflow: ellipsis; }
    .row { display: flex; gap: calc(3 * var(--gap)); overflow: auto hidden; padding: 4px; margin: 0 -4px; list-style: none;
      scroll-padding-inline: 4px; scrollbar-width: thin; scroll-snap-type: x proximity; overscroll-behavior-x: contain;
      height: calc(24px + 1.8em + var(--picture) + 7px + 2.8em + 1.5em + var(--button)); --button: 0px; }
    .row.adds { --button: 52px; }
    .row:empty { background: 4px calc(4px + 1.8em) / 100% var(--picture) no-repeat repeating-linear-gradient(to right,
      var(--goeswith-background, #8882) 0 var(--width), transparent 0 calc(var(--width) + var(--gap))); }
    .look { flex: none; scroll-snap-align: start; }
    .look + .look { border-inline-start: 1px solid var(--goeswith-line, #8884); padding-inline-start: calc(1.5 * var(--gap));
      margin-inline-start: calc(-1.5 * var(--gap)); }
    .total { height: 1.8em; overflow: hidden; white-space: nowrap; color: var(--goeswith-muted, inherit); }
    .items { display: flex; gap: var(--gap); list-style: none; }
    .item { width: var(--width); flex: none; }
    .link { display: block; color: inherit; text-decoration: none; border-radius: var(--goeswith-radius, 6px); }
    .link:any-link:hover .title { text-decoration: underline; }
    :focus-visible { outline: 2px solid var(--goeswith-focus, currentColor); outline-offset: 2px; }
    .picture { display: block; width: 100%; height: var(--picture); border-radius: var(--goeswith-radius, 6px);
      background: var(--goeswith-background, #8882); object-fit: var(--goeswith-fit, contain); margin-bottom: 7px; }
    .title { display: -webkit-box; height: 2.8em; overflow: hidden; -webkit-line-clamp: 2; -webkit-box-orient: vertical; }
    .price { display: block; height: 1.5em; overflow: hidden; font-weight: 600; }
    .price s { font-weight: 400; color: var(--goeswith-muted, inherit); margin-inline-start: .4em; }
    .add { width: 100%; height: 44px; margin-top: 8px; cursor: pointer; font: inherit; border-radius: var(--goeswith-radius, 6px);
      border: 1px solid var(--goeswith-accent, currentColor); background: var(--goeswith-accent, transparent);
      color: var(--goeswith-accent-text, inherit); padding: 0 4px; overflow: hidden; }
    .add:disabled { opacity: .6; cursor: default; }
    .unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
    .none { visibility: hidden; }`;

  let sheet;
  const style = (root) => {
    if (!sheet) (sheet = new CSSStyleSheet()).replaceSync(STYLE);
    root.adoptedStyleSheets = [sheet]; // allowed where a page forbids inline styles
  };

  const make = (tag, name, text) => {
    const node = document.createElement(tag);
    if (name) {
      node.className = name;
      node.part = name;
    }
    if (text != null) node.textContent = text; // never as HTML
    return node;
  };

  const safe = (address, base) => {
    try {
      const url = new URL(address, base);
      return /^https?:$/.test(url.protocol) ? url.href : "";
    } catch {
      return "";
    }
  };

  // The name of a file of `goeswith publish`: what is no letter, digit or hyphen is written as _ and its bytes.
  const fileOf = (item) =>
    encodeURIComponent(item)
      .replace(/[_.!~*'()]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`)
      .replaceAll("%", "_");

  // The same number from 0 to 99 for the same session: what it is shown in a trial follows from it.
  const drawOf = (session) => {
    let hash = 2166136261;
    for (const sign of session) hash = Math.imul(hash ^ sign.codePointAt(0), 16777619);
    return (hash >>> 0) % 100;
  };

  const newId = () =>
    Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");

  class GoeswithLooks extends HTMLElement {
    static observedAttributes = ["item", "lang"];

    connectedCallback() {
      if (!this.shadowRoot) style(this.attachShadow({ mode: "open" }));
      this.begin();
    }

    disconnectedCallback() {
      this.stop();
    }

    attributeChangedCallback(name, before) {
      if (this.isConnected && (before !== null || (name === "lang" && this.answer))) this.begin();
    }

    get words() {
      return WORDS[this.tongue] || WORDS.en;
    }

    get language() {
      return this.closest("[lang]")?.lang || navigator.language || "en";
    }

    get tongue() {
      return this.language.slice(0, 2).toLowerCase();
    }

    stop() {
      this.post();
      this.watch?.disconnect();
      this.seen?.disconnect();
      this.asking?.abort();
    }

    // Keeps the place, and asks once it is near the window.
    begin() {
      this.stop();
      this.draw([]);
      this.watch = new IntersectionObserver(
        (seen) => {
          if (!seen.some((entry) => entry.isIntersecting)) return;
          this.watch.disconnect();
          this.load();
        },
        { rootMargin: AHEAD },
      );
      this.watch.observe(this);
    }

    async load() {
      const asking = (this.asking = new AbortController());
      const timer = setTimeout(() => asking.abort(new Error(`no answer within ${PATIENCE / 1000} seconds`)), PATIENCE);
      try {
        const answer = await this.ask(asking.signal);
        const approved = this.hasAttribute("approved");
        answer.looks = answer.looks.filter((look) => look.approved || !approved).slice(0, this.limit);
        if (!answer.looks.length) throw new Error(answer.why_none || "no looks");
        this.answer = answer;
        this.draw(answer.looks);
        this.count(answer.looks);
        this.tell("shown", { item: answer.item, looks: answer.looks });
      } catch (error) {
        if (this.asking === asking && this.isConnected) this.leave(error);
      } finally {
        clearTimeout(timer);
      }
    }

    get limit() {
      return Math.min(Math.max(parseInt(this.getAttribute("limit"), 10) || 3, 1), 8);
    }

    async ask(signal) {
      const item = this.getAttribute("item") || "";
      const key = this.getAttribute("key");
      const src = this.getAttribute("src");
      const base = src ? new URL(src.replace(/\/?$/, "/"), document.baseURI).href : home;
      const options = { signal, credentials: "omit", referrerPolicy: "no-referrer" };
      if (key) {
        const session = this.getAttribute("session");
        const more = `${this.hasAttribute("approved") ? "&approved=true" : ""}${session ? `&draw=${drawOf(session)}` : ""}`;
        const query = `limit=${this.limit}${more}`;
        this.service = base;
        const headers = { Authorization: `Bearer ${key}` };
        return this.read(`${base}looks/${encodeURIComponent(item)}?${query}`, { ...options, headers });
      }
      const answer = await this.read(`${base}looks/${fileOf(item)}.json`, options);
      return answer.see ? this.read(`${base}looks/${answer.see}.json`, options) : answer;
    }

    async read(address, options) {
      const answer = await fetch(address, options);
      if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`);
      this.base = answer.url;
      return answer.json();
    }

    // What happens to looks is posted only where the page gives a session, which it does with consent where that is needed.
    count(looks) {
      this.seen?.disconnect();
      this.seen = new IntersectionObserver(
        (entries) => {
          for (const { isIntersecting, target } of entries) {
            if (!isIntersecting) continue;
            this.seen.unobserve(target);
            this.note("impression", looks[[...target.parentNode.children].indexOf(target)]);
          }
        },
        { threshold: 0.5 },
      );
      if (this.getAttribute("session")) this.shadowRoot.querySelectorAll(".look").forEach((node) => this.seen.observe(node));
    }

    note(kind, look, target = "") {
      const session = this.getAttribute("session");
      if (!session || !this.service) return;
      const { item, trial } = this.answer;
      const event = { event_id: newId(), kind, session, item_id: item.item_id, look_id: look.look_id, source: look.source, trial, target };
      (this.events ||= []).push(event);
      clearTimeout(this.soon);
      if (kind === "impression") this.soon = setTimeout(() => this.post(), 1000);
      else this.post(); // the page may be left now
    }

    post() {
      clearTimeout(this.soon);
      const events = this.events?.splice(0) || [];
      if (events.length) navigator.sendBeacon(`${this.service}events`, JSON.stringify({ key: this.getAttribute("key"), events }));
    }

    // No looks: the place is given back as soon as nothing that is in the window would move by it.
    leave(error) {
      this.shadowRoot.firstElementChild.classList.add("none");
      this.tell("none", { reason: error.message });
      this.watch = new IntersectionObserver(([seen]) => {
        if (seen.rootBounds && seen.boundingClientRect.top >= seen.rootBounds.bottom) {
          this.watch.disconnect();
          this.style.display = "none";
        }
      });
      this.watch.observe(this);
    }

    tell(name, detail) {
      const options = { detail, bubbles: true, composed: true, cancelable: name === "add" };
      return this.dispatchEvent(new CustomEvent(`goeswith:${name}`, options));
    }

    draw(looks) {
      const [title] = this.words;
      const heading = this.getAttribute("heading") ?? title;
      const section = make("section");
      section.setAttribute("aria-label", heading || title);
      section.setAttribute("aria-busy", String(!looks.length));
      if (heading) {
        const line = section.appendChild(make("div", "heading", heading));
        line.setAttribute("role", "heading");
        line.setAttribute("aria-level", this.getAttribute("heading-level") || "2");
      }
      const row = section.appendChild(make("ul", `row${this.hasAttribute("on-add") ? " adds" : ""}`));
      row.setAttribute("role", "list"); // which a list without bullets is not everywhere
      row.append(...looks.map((look, index) => this.look(look, index)));
      if (!row.querySelector("a, button")) row.tabIndex = 0; // else it could not be scrolled by keys
      this.status = section.appendChild(make("div", "unseen"));
      this.status.setAttribute("role", "status");
      this.shadowRoot.replaceChildren(section);
    }

    look(look, index) {
      const shown = look.items.filter((item) => this.hasAttribute("with-item") || item.item_id !== this.answer.item.item_id);
      const node = make("li", "look");
      const name = `${this.words[1]} ${index + 1}`;
      const total = this.sum(shown);
      node.append(make("div", "total", total ? `${name} · ${total}` : name));
      const list = node.appendChild(make("ul", "items"));
      list.setAttribute("role", "list");
      list.setAttribute("aria-label", name);
      list.append(...shown.map((item) => this.item(item, look)));
      return node;
    }

    item(item, look) {
      const node = make("li", "item");
      const name = item.titles?.[this.tongue] || item.title || item.category || "";
      const address = item.link ? safe(item.link, document.baseURI) : "";
      const link = node.appendChild(make(address ? "a" : "div", "link"));
      if (address) {
        link.href = address;
        link.addEventListener("click", () => {
          this.note("click", look, item.item_id);
          this.tell("open", { item, look });
        });
      }
      link.append(this.picture(item.image), make("span", "title", name), this.price(item));
      if (this.hasAttribute("on-add")) node.append(this.button(item, look, name));
      return node;
    }

    picture(image) {
      const src = image ? safe(image.src, this.base) : "";
      if (!src) return make("div", "picture");
      const node = make("img", "picture");
      node.loading = "lazy";
      node.decoding = "async";
      node.referrerPolicy = "no-referrer";
      node.alt = ""; // its title is the text of the same link
      node.width = image.width;
      node.height = image.height;
      node.sizes = "auto, 160px";
      node.srcset = image.srcset.replace(/\S+(?= \d+w)/g, (address) => safe(address, this.base));
      node.src = src;
      return node;
    }

    price(item) {
      const node = make("span", "price", this.money(item.price, item.currency));
      if (item.regular_price > item.price) {
        const before = node.appendChild(make("s"));
        before.append(make("span", "unseen", `${this.words[6]} `), this.money(item.regular_price, item.currency));
      }
      return node;
    }

    money(amount, currency) {
      if (amount == null) return "";
      try {
        return new Intl.NumberFormat(this.language, { style: "currency", currency }).format(amount);
      } catch {
        return new Intl.NumberFormat(undefined, { minimumFractionDigits: 2 }).format(amount);
      }
    }

    sum(items) {
      const whole = items.every((item) => item.price != null && item.currency === items[0].currency);
      return whole ? this.money(items.reduce((total, item) => total + item.price, 0), items[0].currency) : "";
    }

    button(item, look, name) {
      const soldOut = item.in_stock === false;
      const node = make("button", "add", this.words[soldOut ? 5 : 2]);
      node.type = "button";
      node.disabled = soldOut;
      node.setAttribute("aria-label", `${node.textContent}: ${name}`);
      node.addEventListener("click", () => this.add(item, look, name, node));
      return node;
    }

    // The page puts it into its basket: by the function that on-add names, or by the event, and says by false that it failed.
    async add(item, look, name, node) {
      const detail = { item, look, page: this.answer.item };
      node.disabled = true;
      let done = this.tell("add", detail);
      try {
        const words = this.getAttribute("on-add").split(".");
        const method = words.pop();
        const owner = words.reduce((part, word) => part?.[word], window);
        if (typeof owner?.[method] === "function") done = (await owner[method](detail)) !== false && done;
      } catch {
        done = false;
      }
      if (done) this.note("basket", look, item.item_id);
      node.disabled = false;
      node.textContent = this.words[done ? 3 : 4];
      this.status.textContent = `${name}: ${node.textContent}`;
      node.focus({ preventScroll: true });
      clearTimeout(node.timer);
      node.timer = setTimeout(() => (node.textContent = this.words[2]), 3000);
    }
  }

  if (!("adoptedStyleSheets" in Document.prototype)) return; // an old browser shows nothing
  if (!customElements.get(NAME)) customElements.define(NAME, GoeswithLooks);
  addEventListener("pagehide", () => document.querySelectorAll(NAME).forEach((element) => element.post()));
  if (script && script.dataset.item) {
    const element = document.createElement(NAME);
    for (const { name, value } of [...script.attributes]) {
      if (name.startsWith("data-")) element.setAttribute(name.slice(5), value);
    }
    script.after(element);
  }
})();
