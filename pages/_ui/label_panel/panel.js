// The label panel: the hits of a search as a list that is worked from the keyboard.
//
// Invariants: a grade belongs to the record under the cursor as it is drawn; it stands in the outbox before anything moves, and leaves it only when the server
// has stored or refused it; a list that was just exchanged takes no grade for a moment; text goes in by textContent.

const GRADES = {
  fully: { label: "positive", grade: 3, key: "3", name: "Answers fully", help: "It answers the question fully." },
  partly: { label: "positive", grade: 2, key: "2", name: "Partly", help: "It answers part of the question." },
  touches: { label: "positive", grade: 1, key: "1", name: "Touches", help: "It touches the question without answering it." },
  none: { label: "hard_negative", grade: 0, key: "0", name: "No answer", help: "It looks like an answer and is none: a reviewed hard negative." },
}
const OTHERS = {
  down: { keys: ["j", "arrowdown"], shown: "J ↓", name: "Down", help: "To the next record." },
  up: { keys: ["k", "arrowup"], shown: "K ↑", name: "Up", help: "To the record before." },
  next: { keys: ["n"], shown: "N", name: "Next question", help: "Go on to the next question of the list." },
  undo: { keys: ["u"], shown: "U", name: "Undo", help: "Take back the last mark and go back to its record, as often as you like." },
  full: { keys: ["f"], shown: "F", name: "Full text", help: "Show the record under the cursor in full, or cut it again." },
  more: { keys: ["m"], shown: "M", name: "More results", help: "Show more results of this search." },
  find: { keys: ["/"], shown: "/", name: "Search", help: "Write what to search for; Enter searches, Escape leaves. Keys typed there mark nothing." },
  help: { keys: ["?"], shown: "?", name: "Keys", help: "Show or hide this list." },
}

const instances = new WeakMap()
const sittings = (globalThis.pairsmithLabelSittings ??= new Map()) // survives a change of page, not a reload

class LabelPanel extends SendingPanel {
  constructor(data) {
    super(data)
    this.list = [] // the records as drawn
    this.rows = []
    this.listed = "" // what the list was drawn for: anchor and query
    this.at = -1
    this.full = false
    this.asked = null // what the server was asked for and has not answered
    if (!sittings.has(this.outbox.prefix)) sittings.set(this.outbox.prefix, [])
    this.stack = sittings.get(this.outbox.prefix)
  }

  destroy() {
    clearTimeout(this.askTimer)
    super.destroy()
  }

  get worked() {
    return this.stack.length > 0
  }

  get undoKey() {
    return OTHERS.undo.shown
  }

  // ---- what the server says -------------------------------------------------------------------------------------------------

  receive(root, data, setStateValue) {
    this.setStateValue = setStateValue
    const first = this.root !== root
    if (first) this.bind(root)
    if (data !== this.data) {
      this.settle(data)
      if (this.asked && data.asked === this.asked.sent) {
        clearTimeout(this.askTimer)
        this.asked = null
      }
      this.takeList(first)
    }
    if (first && this.outbox.read().length) this.schedule(0)
    this.draw()
  }

  dropEntry(clientId) {
    const at = this.stack.findIndex(entry => entry.clientId === clientId)
    if (at >= 0) this.stack.splice(at, 1)
  }

  // Another question or query is another list. More of the same goes on at the end: nothing moves under the cursor.
  takeList(first) {
    const { anchor, query, results } = this.data
    const name = JSON.stringify([anchor?.id, query])
    if (name !== this.listed) {
      if (!first || this.lastKey) this.deafUntil = Date.now() + SETTLE_MS
      this.list = results
      const wanted = this.seek && this.seek.anchor_id === anchor?.id ? results.findIndex(item => item.document_id === this.seek.document_id) : -1
      this.seek = null
      this.listed = name
      this.full = false
      this.drawList()
      this.moveTo(wanted >= 0 ? wanted : results.length ? 0 : -1)
      if (!this.isInField()) this.el("query").value = query
      return
    }
    const fresh = new Map(results.map(item => [item.document_id, item]))
    const have = new Set(this.list.map(item => item.document_id))
    const kept = this.list.filter((item, i) => fresh.has(item.document_id) || i === this.at)
    const place = this.list[this.at]?.document_id
    const same = kept.length === this.list.length && results.every(item => have.has(item.document_id))
    this.list = [...kept.map(item => fresh.get(item.document_id) ?? item), ...results.filter(item => !have.has(item.document_id))]
    if (!same || first) this.drawList()
    this.at = place === undefined ? (this.list.length ? 0 : -1) : this.list.findIndex(item => item.document_id === place)
  }

  // ---- what the expert says -------------------------------------------------------------------------------------------------

  grade(act) {
    const record = this.list[this.at]
    if (!record) return
    if (this.asked && this.asked.kind !== "more") return this.refuseToAct("Another list is on its way: nothing was marked.")
    if (Date.now() < this.deafUntil) return this.refuseToAct("The list has just changed: nothing was marked.")
    const { label, grade, name } = GRADES[act]
    const anchorId = this.data.anchor.id
    const before = this.markOf(record)
    const saw = before?.client_id // whoever has another's word before them and says otherwise corrects it
    const event = {
      client_id: makeId(), anchor_id: anchorId, document_id: record.document_id, label, ...(grade ? { grade } : {}), ...(saw ? { saw } : {}), source: "search",
      query: this.data.query.slice(0, 500), shown_at: this.shownAt, decided_at: this.stamp(), active_ms: Math.round(this.activeMs()),
    }
    this.notice = null
    this.stack.push({ clientId: event.client_id, anchor_id: anchorId, document_id: record.document_id, before })
    this.outbox.add(event)
    this.moveTo(Math.min(this.at + 1, this.list.length - 1))
    this.schedule(AFTER_KEY_MS)
    this.say(`${name}.`)
  }

  undo() {
    const entry = this.stack.pop()
    if (!entry) {
      this.say("Nothing to take back in this sitting.")
      return
    }
    const { clientId, anchor_id, document_id, before } = entry
    this.notice = null
    this.outbox.add({ client_id: makeId(), undoes: clientId, anchor_id, document_id, before, decided_at: this.stamp() })
    this.schedule(AFTER_KEY_MS)
    const at = anchor_id === this.data.anchor?.id ? this.list.findIndex(item => item.document_id === document_id) : -1
    if (at >= 0) this.moveTo(at)
    if (anchor_id !== this.data.anchor?.id) {
      this.seek = { anchor_id, document_id }
      this.ask({ kind: "open", anchor_id })
    }
    this.say("Taken back.")
  }

  // What the pair of a record says now, marks that are on their way included: `{label, grade, author, client_id}` or null.
  markOf(record, pending = this.pending) {
    const event = pending.get(pairOf({ anchor_id: this.data.anchor.id, document_id: record.document_id }))
    if (!event) return record.mark
    if (event.undoes) return event.before ? { ...event.before, client_id: event.client_id } : null
    return { label: event.label, grade: event.grade ?? 0, author: "", client_id: event.client_id }
  }

  // By pair: the last event that the server has not acknowledged; a wish for more says nothing of its pair.
  get pending() {
    const last = new Map()
    for (const event of this.outbox.read()) if (event.label || event.undoes) last.set(pairOf(event), event)
    return last
  }

  act(name) {
    if (name in GRADES) this.grade(name)
    else if (name === "down") this.moveTo(Math.min(this.at + 1, this.list.length - 1))
    else if (name === "up") this.moveTo(Math.max(this.at - 1, Math.min(0, this.list.length - 1)))
    else if (name === "undo") this.undo()
    else if (name === "full") this.full = !this.full
    else if (name === "find") this.el("query").select()
    else if (name === "search") this.search()
    else if (name === "more" && this.data.more) this.ask({ kind: "more", anchor_id: this.data.anchor.id })
    else if (name === "next") {
      if (this.data.has_next) this.ask({ kind: "next", anchor_id: this.data.anchor.id })
      else this.say("There is no other question in the list.")
    } else if (name === "help") this.el("help").hidden = !this.el("help").hidden
    else if (name === "dismiss") this.refused = []
    this.draw()
    if (name === "full") this.keepInView()
  }

  search() {
    const query = this.el("query").value.trim() || this.data.anchor.text
    this.ask({ kind: "search", anchor_id: this.data.anchor.id, query })
    this.el("query").blur()
  }

  moveTo(at) {
    this.at = at
    this.full = false
    this.startClock()
    this.draw()
    this.keepInView()
  }

  keepInView() {
    const row = this.rows[this.at]
    const box = this.el("hits")
    if (!row) return
    if (row.offsetTop < box.scrollTop) box.scrollTop = row.offsetTop
    else if (row.offsetTop + row.offsetHeight > box.scrollTop + box.clientHeight) box.scrollTop = Math.min(row.offsetTop, row.offsetTop + row.offsetHeight - box.clientHeight)
  }

  isInField() {
    return this.root.getRootNode().activeElement === this.el("query")
  }

  onKey(event) {
    if (!this.root?.isConnected || !this.data.anchor) return
    if (event.repeat && !["ArrowDown", "ArrowUp"].includes(event.key)) return
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented) return
    if (!this.root.getClientRects().length || (isTyping(event) && !isChoosing(event))) return
    if (event.key === "Escape" && !this.el("help").hidden) {
      this.el("help").hidden = true
      return
    }
    const key = event.key.toLowerCase()
    const name = Object.keys(GRADES).find(act => GRADES[act].key === key) ?? Object.keys(OTHERS).find(act => OTHERS[act].keys.includes(key))
    if (!name) return
    event.preventDefault()
    this.lastKey = Date.now()
    this.act(name)
  }

  onOthers() {
    this.draw()
  }

  // Ask the server for another list; asked again until it answers, the newest only.
  ask(wanted) {
    this.sent += 1
    this.asked = { ...wanted, user: this.user, project: this.project, sent: `${this.tab}-${this.sent}`, attempt: 0 }
    this.sendAsked()
  }

  sendAsked() {
    if (!this.asked) return
    this.asked = { ...this.asked, attempt: this.asked.attempt + 1 }
    this.setStateValue("ask", this.asked)
    clearTimeout(this.askTimer)
    this.askTimer = setTimeout(() => this.sendAsked(), Math.min(RETRY_MS * (this.asked.attempt + 1), RETRY_MOST_MS))
    this.drawState()
  }

  // ---- drawing --------------------------------------------------------------------------------------------------------------

  bind(root) {
    this.root = root
    for (const [act, { key, name, help }] of Object.entries(GRADES)) labelButton(root.querySelector(`[data-act="${act}"]`), key, name, help)
    for (const [act, { shown, name, help }] of Object.entries(OTHERS)) {
      const button = root.querySelector(`[data-act="${act}"]`)
      if (button) labelButton(button, shown, name, help)
    }
    const list = document.createElement("dl")
    for (const { key, shown, name, help } of [...Object.values(GRADES), ...Object.values(OTHERS)]) {
      const term = document.createElement("dt")
      const mark = document.createElement("kbd")
      mark.textContent = shown ?? key
      term.append(mark)
      const words = document.createElement("dd")
      words.textContent = `${name}. ${help}`
      list.append(term, words)
    }
    this.el("help").replaceChildren(list)
    root.onclick = event => {
      const name = event.target.closest("[data-act]")?.dataset.act
      if (name) return this.act(name)
      const row = this.rows.indexOf(event.target.closest("li[data-document]"))
      if (row >= 0 && row !== this.at) this.moveTo(row)
    }
    this.el("query").onkeydown = event => {
      if (event.isComposing) return
      if (event.key === "Enter") this.act("search")
      if (event.key === "Escape") {
        event.target.value = this.data.query
        event.target.blur()
      }
    }
  }

  drawList() {
    this.rows = this.list.map(record => {
      const row = document.createElement("li")
      row.dataset.document = record.document_id
      const head = document.createElement("div")
      head.className = "head"
      const tags = document.createElement("div")
      tags.className = "tags"
      head.append(line("p", "place", record.place), tags)
      row.append(head)
      if (record.title) row.append(line("p", "title", record.title))
      row.append(line("p", "text", record.text))
      return row
    })
    this.el("hits").replaceChildren(...this.rows)
    this.el("hits").scrollTop = 0
  }

  draw() {
    const { anchor, note, paraphrases } = this.data
    this.root.hidden = !anchor && !this.outbox.read().length && !this.refused.length
    if (anchor) this.drawAnchor(anchor, paraphrases ?? [])
    const record = this.list[this.at]
    this.root.dataset.pair = record ? pairOf({ anchor_id: anchor.id, document_id: record.document_id }) : ""
    const pending = this.pending
    this.rows.forEach((row, i) => {
      const item = this.list[i]
      row.setAttribute("aria-current", String(i === this.at))
      row.dataset.full = String(i === this.at && this.full)
      const mark = anchor ? this.markOf(item, pending) : null
      const tags = mark ? [describeMark(mark)] : []
      if (item.proposed && !mark) tags.unshift(["proposed", "Proposed"])
      const words = JSON.stringify(tags)
      if (row.dataset.tags !== words) {
        row.dataset.tags = words
        row.querySelector(".tags").replaceChildren(...tags.map(([kind, said]) => line("span", kind, said)))
      }
    })
    this.el("empty").hidden = this.list.length > 0 || !anchor
    this.el("empty").textContent = "Nothing found. Try other words."
    this.el("hits").hidden = !this.list.length
    this.el("searching").textContent = this.asked ? { search: "Searching …", more: "Fetching more …" }[this.asked.kind] ?? "Opening the question …" : note ?? ""
    this.el("searching").hidden = !this.el("searching").textContent
    this.el("progress").textContent = record ? `Record ${this.at + 1} of ${this.list.length}` : ""
    for (const act of Object.keys(GRADES)) this.root.querySelector(`[data-act="${act}"]`).disabled = !record
    this.root.querySelector('[data-act="undo"]').disabled = !this.stack.length
    this.root.querySelector('[data-act="next"]').disabled = !this.data.has_next
    this.root.querySelector('[data-act="more"]').hidden = !this.data.more
    const full = this.root.querySelector('[data-act="full"]')
    full.disabled = !record
    full.setAttribute("aria-pressed", String(this.full))
    this.root.querySelector('[data-act="help"]').setAttribute("aria-expanded", String(!this.el("help").hidden))
    this.drawRefused("mark")
    this.drawFollowed(this.notice)
    this.drawState()
  }

  drawAnchor(anchor, paraphrases) {
    if (this.el("question").textContent !== anchor.text) this.el("question").textContent = anchor.text
    this.el("wordings").hidden = !paraphrases.length
    this.el("wordings-label").textContent = `Asked in ${paraphrases.length + 1} ways; a mark counts for all of them`
    this.el("wordings-list").replaceChildren(...paraphrases.map(words => line("li", "", words)))
  }
}

// A click on a question of the list leaves the focus there: only the arrows belong to the list then.
function isChoosing(event) {
  const target = event.composedPath()[0]
  return target instanceof HTMLInputElement && target.type === "radio" && !event.key.startsWith("Arrow")
}

// The class and the words of a mark.
function describeMark({ label, grade, author, disputed }) {
  if (disputed) return ["other", "Experts differ: settle it on the agreement page"]
  const by = author ? ` by ${author}` : ""
  if (label === "positive") return ["answer", `${{ 3: "3 fully", 2: "2 partly", 1: "1 touches" }[grade] ?? `grade ${grade}`}${by}`]
  if (label === "hard_negative") return ["no-answer", `0 no answer${by}`]
  return ["other", `${{ ambiguous: "ambiguous", skipped: "skipped", cannot_judge: "cannot judge" }[label] ?? label}${by}`]
}

export default function (component) {
  return mountPanel(instances, LabelPanel, component)
}
