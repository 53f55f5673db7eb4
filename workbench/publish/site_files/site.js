// Search and filter of the public site: loads only the parts of the index that a question needs.
// No library, no request to another host; parts are scripts, so that it works from a disk too.
"use strict";
(function () {
  const box = document.getElementById("search");
  if (!box) return;
  const lang = document.documentElement.lang.startsWith("zh") ? 0 : 1;
  const base = document.body.dataset.base;
  const words = JSON.parse(document.getElementById("words").textContent);
  const form = document.getElementById("find");
  const list = document.getElementById("results");
  const said = document.getElementById("said");
  const more = document.getElementById("more");
  const heads = Array.from(document.querySelectorAll("thead th"), function (th) { return th.textContent; });
  const PAGE = 50;
  const waiting = new Map(), have = new Map();
  let meta = null, turn = 0, shown = PAGE;

  window.wb = function (name, value) {
    have.set(name, value);
    const call = waiting.get(name);
    if (call) { waiting.delete(name); call(value); }
  };
  function part(name) {
    if (have.has(name)) return Promise.resolve(have.get(name));
    return new Promise(function (resolve, reject) {
      waiting.set(name, resolve);
      const script = document.createElement("script");
      script.src = base + "data/" + name + ".js";
      script.onerror = function () { waiting.delete(name); reject(new Error(name)); };
      document.head.appendChild(script);
    });
  }
  function numbers(steps) {  // ascending numbers from their differences
    let at = 0;
    return steps.map(function (step) { at += step; return at; });
  }
  function common(a, b) {
    if (a === null) return b;
    const other = new Set(b);
    return a.filter(function (n) { return other.has(n); });
  }
  function grams(term) {  // three characters of Latin text, two where one is Chinese
    const found = [], letters = Array.from(term);
    function ascii(part) { return part.every(function (c) { return c.codePointAt(0) < 128; }); }
    for (let i = 0; i + 1 < letters.length; i++) {
      const two = letters.slice(i, i + 2), three = letters.slice(i, i + 3);
      if (!ascii(two)) found.push(two);
      if (three.length === 3 && ascii(three)) found.push(three);
    }
    return found;
  }
  function bucket(gram) {
    const [a, b, c] = gram.map(function (one) { return one.codePointAt(0); });
    return (a * 31 + b + 7 * (c || 0)) % meta.buckets;
  }
  function name(kind, n) { return kind + "/" + String(n).padStart(4, "0"); }

  async function candidates(terms) {
    let rows = null;
    for (const term of terms) {
      for (const gram of grams(term)) {
        const found = (await part(name("grams", bucket(gram))))[gram.join("")];
        if (found === 0) continue;  // too common to be listed
        rows = common(rows, found ? numbers(found) : []);
        if (!rows.length) return rows;
      }
    }
    for (const select of form.querySelectorAll("select")) {
      if (select.value === "") continue;
      rows = common(rows, numbers(await part("facet/" + select.name + "-" + select.value)));
    }
    return rows;
  }
  async function row(n) {
    return (await part(name("rows", Math.floor(n / meta.chunk))))[n % meta.chunk];
  }
  function text(cells) { return cells.slice(0, 4).join(" ").toLowerCase(); }

  async function find() {
    const mine = ++turn;
    const terms = box.value.toLowerCase().split(/\s+/).filter(Boolean);
    const rows = await candidates(terms);
    const total = rows === null ? meta.n : rows.length;
    const hits = [];
    let i = 0;
    for (; i < total && hits.length < shown; i++) {
      const cells = await row(rows === null ? i : rows[i]);
      if (mine !== turn) return;
      if (terms.every(function (term) { return text(cells).includes(term); })) hits.push(cells);
    }
    list.replaceChildren.apply(list, hits.map(line));
    const open = i < total;
    said.textContent = (open ? words.first : words.found).replace("{n}", hits.length);
    more.hidden = !open;
  }
  function line(cells) {
    const [id, zh, en, parent, kind, score, range, rank, path] = cells;
    const tr = document.createElement("tr");
    const th = document.createElement("th");
    th.scope = "row";
    const a = document.createElement("a");
    a.href = base + "units/" + path + (lang ? ".en.html" : ".html");
    a.textContent = (lang ? en : zh) || zh || id;
    th.append(a);
    tr.append(th);
    [id, kind === "" ? "" : meta.kinds[kind][lang], score, range, rank].forEach(function (value, i) {
      const td = document.createElement("td");
      td.textContent = value;
      td.dataset.head = heads[i + 1];
      tr.append(td);
    });
    return tr;
  }
  function fail() { said.textContent = words.failed; }
  function start() { shown = PAGE; find().catch(fail); }
  let timer = 0;
  form.addEventListener("input", function () { clearTimeout(timer); timer = setTimeout(start, 150); });
  form.addEventListener("submit", function (event) { event.preventDefault(); start(); });
  more.addEventListener("click", function () { shown += PAGE; find().catch(fail); });
  part("meta").then(function (told) { meta = told; form.hidden = false; start(); }, fail);
})();
