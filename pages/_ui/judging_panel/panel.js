// The judging panel: a queue of its own in the browser, so that a key moves on at once and no answer is lost or put on a record not shown.
//
// Invariants: a decision belongs to the record that is drawn; it stands in the outbox (localStorage, one entry an event, ids and labels and the
// expert's own note only) before the next record is drawn, and leaves it only when the server has stored or refused it; text goes in by
// textContent. New data never changes the record under the expert's eyes while keys are being pressed.

const AFTER_KEY_MS = 120
const AT_LATEST_MS = 600
const RETRY_MS = 1500
const RETRY_MOST_MS = 8000
const OFFLINE_MS = 4000
const QUIET_MS = 1000
const SETTLE_MS = 500

const instances = new WeakMap()
const sittings = (globalThis.pairsmithSittings ??= new Map()) // survives a change of page, not a reload

class Panel {
  constructor(data) {
    this.user = data.user
    this.project = data.project
    this.outbox = new Outbox(data.user, data.project)
    this.queue = []
    this.shown = null
    this.data = null
    this.tab = makeId().slice(0, 8)
    this.sent = 0
    this.retry = RETRY_MS
    this.unsentSince = 0
    this.waitingSince = 0
    this.lastKey = 0
    this.deafUntil = 0
    this.reason = ""
    this.choosing = false
    this.refused = []
    this.full = false
    this.notice = null
    this.told = new Set()
    this.generation = 0
    const name = this.outbox.prefix
    if (!sittings.has(name)) sittings.set(name, { stack: [], done: this.readDone(), spent: [], marks: true })
    this.sitting = sittings.get(name)
    this.lastStamp = Math.max(0, ...this.outbox.read().map(event => event.decided_at))
    this.keys = data.keys
    this.onKey = this.onKey.bind(this)
    this.onVisible = this.onVisible.bind(this)
    this.onStorage = this.onStorage.bind(this)
    document.addEventListener("keydown", this.onKey)
    document.addEventListener("visibilitychange", this.onVisible)
    window.addEventListener("storage", this.onStorage)
    window.addEventListener("online", this.onVisible)
    this.ticker = setInterval(() => this.drawState(), 1000)
  }

  destroy() {
    document.removeEventListener("keydown", this.onKey)
    document.removeEventListener("visibilitychange", this.onVisible)
    window.removeEventListener("storage", this.onStorage)
    window.removeEventListener("online", this.onVisible)
    clearInterval(this.ticker)
    if (this.outbox.read().length) this.send() // the last chance of this visit; what does not arrive stays in the outbox for the next
    clearTimeout(this.timer)
  }

  // ---- what the server says -------------------------------------------------------------------------------------------------

  receive(root, data, setStateValue) {
    this.setStateValue = setStateValue
    const first = this.root !== root
    if (first) this.bind(root)
    if (data !== this.data) {
      const before = this.outbox.read().length
      this.data = data
      for (const clientId of data.acknowledged ?? []) this.outbox.drop(clientId)
      const mine = new Set(this.outbox.read().map(event => event.client_id))
      for (const [clientId, why] of Object.entries(data.refused ?? {})) {
        if (mine.has(clientId)) this.refuse(clientId, why)
      }
      const left = this.outbox.read().length
      if (left < before) this.retry = RETRY_MS
      this.waitingSince = left ? (left < before ? Date.now() : this.waitingSince) : 0
      this.recall(data.recent ?? [])
      for (const [clientId, what] of Object.entries(data.followed ?? {})) this.hear(clientId, what)
      this.merge(data.records ?? [])
    }
    if (first && this.outbox.read().length) this.schedule(0)
    this.draw()
  }

  // After a reload: the decisions of before, so that undo goes back through them.
  recall(recent) {
    if (this.sitting.stack.length) return
    const pending = this.outbox.read()
    const undone = new Set(pending.map(event => event.undoes))
    const made = new Set(pending.map(event => event.client_id))
    this.sitting.stack = recent.filter(({ client_id }) => !undone.has(client_id) && !made.has(client_id)).map(({ client_id, record, act, reason, note }) => (
      { clientId: client_id, record, act, reason, note }
    ))
  }

  // What followed from a decision is told once, however often the server says it.
  hear(clientId, what) {
    if (this.told.has(clientId)) return
    this.told.add(clientId)
    this.notice = what
    const { head, shown, warnings } = tellFollowed(what)
    this.say([head, ...shown, ...warnings].filter(Boolean).join(" "))
  }

  refuse(clientId, why) {
    this.outbox.drop(clientId)
    const at = this.sitting.stack.findIndex(entry => entry.clientId === clientId)
    if (at >= 0) {
      this.sitting.stack.splice(at, 1)
      this.count(-1)
    }
    this.refused.push(why)
  }

  merge(records) {
    const pending = this.outbox.pending()
    const handed = new Map(records.map(record => [pairOf(record), record]))
    const busy = Date.now() - this.lastKey < QUIET_MS
    const kept = this.queue.filter((record, i) => {
      const known = pending.get(pairOf(record))
      if (known) return !known.judged
      return handed.has(pairOf(record)) || (i === 0 && busy)
    })
    const have = new Set(kept.map(pairOf))
    for (const [pair, record] of handed) {
      if (!have.has(pair) && !pending.get(pair)?.judged) kept.push(record)
    }
    // The server's order counts (it may put something next), but never for the record under the expert's eyes.
    const order = new Map([...handed.keys()].map((pair, place) => [pair, place]))
    const first = kept[0] && kept[0] === this.shown ? kept.shift() : null
    kept.sort((one, other) => (order.get(pairOf(one)) ?? -1) - (order.get(pairOf(other)) ?? -1))
    if (first) kept.unshift(first)
    if (kept[0] !== this.shown && this.lastKey) this.deafUntil = Date.now() + SETTLE_MS
    this.queue = kept
  }

  // ---- what the expert says -------------------------------------------------------------------------------------------------

  decide(act) {
    const record = this.shown
    if (!record || record !== this.queue[0]) return
    const { label, grade, name } = DECISIONS[act]
    const event = {
      client_id: makeId(), anchor_id: record.anchor_id, document_id: record.document_id, label, ...(grade ? { grade } : {}),
      reason: this.reason, note: this.el("note").value.trim(), positives: record.positives.map(item => item.id), shown_at: this.shownAt, decided_at: this.stamp(), active_ms: Math.round(this.activeMs()),
    }
    this.outbox.add(event)
    this.sitting.stack.push({ clientId: event.client_id, record, act, reason: event.reason, note: event.note })
    this.sitting.spent.push(event.active_ms)
    this.count(1)
    this.queue.shift()
    this.clearDraft()
    this.schedule(AFTER_KEY_MS)
    this.draw()
    this.say(`${name}. ${this.shown ? "Next record." : ""}`)
  }

  undo() {
    const entry = this.sitting.stack.pop()
    if (!entry) {
      this.say("Nothing to take back in this sitting.")
      return
    }
    const { anchor_id, document_id } = entry.record
    this.outbox.add({ client_id: makeId(), undoes: entry.clientId, anchor_id, document_id, decided_at: this.stamp() })
    this.sitting.spent.pop()
    this.notice = null
    this.queue = [entry.record, ...this.queue.filter(record => pairOf(record) !== pairOf(entry.record))]
    this.count(-1)
    this.clearDraft()
    this.reason = entry.reason
    this.el("note").value = entry.note
    this.schedule(AFTER_KEY_MS)
    this.draw()
    this.say("Taken back. The record is open again.")
  }

  // More like the document that was just marked as an answer: through the outbox, as everything.
  askMore() {
    const entry = this.sitting.stack.at(-1)
    if (!entry || DECISIONS[entry.act]?.label !== "positive" || entry.asked) return
    entry.asked = true
    const { anchor_id, document_id } = entry.record
    this.outbox.add({ client_id: makeId(), more: true, anchor_id, document_id, decided_at: this.stamp() })
    this.schedule(AFTER_KEY_MS)
    this.say("Looking for more like it.")
  }

  openSearch() {
    if (!this.shown) return
    const link = new URL("label", location.href)
    link.search = new URLSearchParams({ project: this.data.project_id, anchor: this.shown.anchor_id })
    window.open(link, "_blank", "noopener")
  }

  clearDraft() {
    this.reason = ""
    this.choosing = false
    this.el("note").value = ""
  }

  act(name) {
    if (name in DECISIONS) this.decide(name)
    else if (name === "undo") this.undo()
    else if (name === "reason") this.choosing = !this.choosing
    else if (name === "note") this.el("note").focus()
    else if (name === "help") this.el("help").hidden = !this.el("help").hidden
    else if (name === "dismiss") this.refused = []
    else if (name === "more") this.askMore()
    else if (name === "search") this.openSearch()
    else if (name === "marks") this.sitting.marks = !this.sitting.marks
    else if (name === "full") {
      this.full = !this.full
      if (this.shown) this.drawTexts(this.shown)
    }
    else if (name.startsWith("chip-")) this.chooseReason(Number(name.slice(5)))
    this.draw()
  }

  chooseReason(i) {
    this.reason = this.reason === REASONS[i] ? "" : REASONS[i]
    this.choosing = false
  }

  onKey(event) {
    if (!this.root?.isConnected) return
    if (event.repeat || event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented) return
    if (this.data.drain || !this.root.getClientRects().length || isTyping(event)) return
    if (event.key === "Escape" && (this.choosing || !this.el("help").hidden)) {
      this.choosing = false
      this.el("help").hidden = true
      this.draw()
      return
    }
    const key = event.key.toLowerCase()
    const digit = this.choosing ? Number(key) : 0
    const name = digit >= 1 && digit <= REASONS.length ? `chip-${digit - 1}` : Object.keys(this.keys).find(act => this.keys[act] === key)
    if (!name) return
    event.preventDefault()
    this.lastKey = Date.now()
    if (this.lastKey < this.deafUntil && name in DECISIONS) return
    this.act(name)
  }

  onVisible() {
    this.activeMs()
    if (document.visibilityState === "visible" && this.outbox.read().length) this.schedule(0)
  }

  // Another tab judged, took back or was acknowledged: what it judged leaves this queue.
  onStorage(event) {
    if (event.key !== null && !event.key.startsWith(this.outbox.prefix)) return
    const pending = this.outbox.pending()
    this.queue = this.queue.filter(record => !pending.get(pairOf(record))?.judged)
    this.draw()
  }

  // ---- sending --------------------------------------------------------------------------------------------------------------

  schedule(delay) {
    const now = Date.now()
    this.unsentSince ||= now
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.send(), Math.max(0, Math.min(delay, this.unsentSince + AT_LATEST_MS - now)))
  }

  send() {
    this.unsentSince = 0
    const events = this.outbox.read()
    if (!events.length) return this.drawState()
    this.waitingSince ||= Date.now()
    this.sent += 1
    this.setStateValue("outbox", { user: this.user, project: this.project, sent: `${this.tab}-${this.sent}`, events })
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.send(), this.retry)
    this.retry = Math.min(this.retry * 1.5, RETRY_MOST_MS)
    this.drawState()
  }

  // ---- time -----------------------------------------------------------------------------------------------------------------

  // Seconds since the epoch, always later than the last: the order of the outbox.
  stamp() {
    this.lastStamp = Math.max(Date.now() / 1000, this.lastStamp + 0.001)
    return this.lastStamp
  }

  // Milliseconds this record was on the screen of a visible tab.
  activeMs() {
    const now = performance.now()
    if (this.wasVisible) this.active += now - this.activeFrom
    this.activeFrom = now
    this.wasVisible = document.visibilityState === "visible"
    return this.active
  }

  count(step) {
    this.sitting.done = Math.max(0, this.sitting.done + step)
    try { sessionStorage.setItem(this.outbox.prefix + "done", String(this.sitting.done)) } catch { /* counted until the tab closes */ }
  }

  readDone() {
    try { return Number(sessionStorage.getItem(this.outbox.prefix + "done")) || 0 } catch { return 0 }
  }

  // ---- drawing --------------------------------------------------------------------------------------------------------------

  el(part) {
    return this.root.querySelector(`[data-part="${part}"]`)
  }

  bind(root) {
    this.root = root
    this.shown = null
    for (const [act, { name, help }] of Object.entries({ ...DECISIONS, ...OTHERS })) {
      const button = root.querySelector(`[data-act="${act}"]`)
      if (button) labelButton(button, this.keys[act], name, help)
    }
    this.el("note-key").textContent = this.keys.note.toUpperCase()
    this.el("chips").replaceChildren(...drawChips())
    this.el("help").replaceChildren(drawHelp(this.keys))
    root.onclick = event => {
      const name = event.target.closest("[data-act]")?.dataset.act
      if (name) this.act(name)
    }
    this.el("note").onkeydown = event => {
      if ((event.key === "Enter" && !event.isComposing) || event.key === "Escape") event.target.blur()
    }
  }

  draw() {
    const record = this.queue[0] ?? null
    if (record !== this.shown) this.drawRecord(record)
    const unsaved = this.outbox.read().length
    const waiting = unsaved > 0
    const drain = Boolean(this.data.drain)
    const left = this.countLeft()
    this.root.hidden = !record && (drain || !this.sitting.stack.length) && !waiting && !this.refused.length
    this.el("work").hidden = !record
    this.el("note-row").hidden = !record
    this.el("progress").hidden = drain
    this.el("actions").hidden = drain
    this.el("empty").hidden = drain ? !waiting : Boolean(record)
    this.el("empty").textContent = drain ? sayUnsaved(unsaved) : left > 0 || waiting ? "Fetching more records …" : "That was the last one for now. Undo still goes back."
    this.el("progress").textContent =
      `${this.sitting.done.toLocaleString("en")} done in this sitting · ${left.toLocaleString("en")} left in the queue${sayPace(this.sitting.spent, left)}`
    this.el("bar").hidden = drain
    this.el("bar").max = Math.max(1, this.sitting.done + left)
    this.el("bar").value = this.sitting.done
    this.el("work").dataset.marks = String(this.sitting.marks)
    this.root.querySelector('[data-act="marks"]').setAttribute("aria-pressed", String(this.sitting.marks))
    this.drawLast(drain)
    this.el("reasons").dataset.open = String(this.choosing)
    const reason = this.root.querySelector('[data-act="reason"]')
    reason.setAttribute("aria-expanded", String(this.choosing))
    this.el("chips").querySelectorAll("button").forEach((chip, i) => chip.setAttribute("aria-pressed", String(this.reason === REASONS[i])))
    this.root.querySelector('[data-act="undo"]').disabled = !this.sitting.stack.length
    this.root.querySelector('[data-act="help"]').setAttribute("aria-expanded", String(!this.el("help").hidden))
    this.el("refused").hidden = !this.refused.length
    this.el("refused-list").replaceChildren(...this.refused.map(why => line("li", "", `One judgement was not saved. ${why}`)))
    this.drawState()
  }

  drawRecord(record) {
    this.shown = record
    this.root.dataset.pair = record ? pairOf(record) : ""
    this.active = 0
    this.activeFrom = performance.now()
    this.wasVisible = document.visibilityState === "visible"
    this.shownAt = Date.now() / 1000
    if (!record) return
    this.el("question").textContent = record.anchor
    const more = record.answers > record.positives.length ? ` (${record.positives.length} of ${record.answers} shown)` : ""
    this.el("answers-label").textContent = (record.answers > 1 ? "Known answers" : "Known answer") + more
    this.full = false
    this.drawTexts(record)
    this.el("answers").scrollTop = 0
    this.el("candidate").scrollTop = 0
    this.el("question").scrollTop = 0
  }

  drawTexts(record) {
    const key = this.keys.full.toUpperCase()
    const draw = item => drawDocument(item, this.full, key)
    const answers = record.positives.map(draw)
    this.el("answers").replaceChildren(...(answers.length ? answers : [line("p", "text", "No answer is labelled yet.")]))
    this.el("candidate").replaceChildren(draw(record.candidate))
    this.root.querySelector('[data-act="full"]').disabled = ![record.candidate, ...record.positives].some(item => item.before.length + item.after.length)
    this.root.querySelector('[data-act="full"]').setAttribute("aria-pressed", String(this.full))
  }

  // The last decision with its figures, which nobody sees before they decided, and what followed from it.
  drawLast(drain) {
    const entry = drain ? null : this.sitting.stack.at(-1)
    this.el("last").hidden = !entry
    this.el("last").textContent = entry ? ["Last: " + (DECISIONS[entry.act]?.name ?? entry.act), entry.record.figures].filter(Boolean).join(" · ") : ""
    const more = this.root.querySelector('[data-act="more"]')
    more.hidden = !entry || DECISIONS[entry.act]?.label !== "positive"
    more.disabled = Boolean(entry?.asked)
    const { head, shown, warnings } = this.notice && !drain ? tellFollowed(this.notice) : { head: "", shown: [], warnings: [] }
    this.el("followed").hidden = !head && !warnings.length
    const undo = head && !this.notice.undone ? [line("li", "", `${this.keys.undo.toUpperCase()} on that decision takes all of it back.`)] : []
    const list = head ? [line("li", "", [head, shown.join("; ")].join(" "))] : []
    this.el("followed").replaceChildren(...list, ...undo, ...warnings.map(words => line("li", "warning", words)))
  }

  countLeft() {
    let left = this.data?.left ?? 0
    for (const { delta } of this.outbox.pending().values()) left += delta
    return Math.max(0, left)
  }

  drawState() {
    const n = this.outbox.read().length
    const late = this.waitingSince && Date.now() - this.waitingSince > OFFLINE_MS
    const state = n === 0 ? (this.sitting.done || this.sent ? "saved" : "idle") : late ? "offline" : "saving"
    const words = { saved: "Saved", idle: "", saving: `Saving ${n}`, offline: `Offline ${n}` }[state]
    const box = this.el("state")
    if (box.textContent !== words) box.textContent = words
    box.dataset.state = state
    this.el("hint").hidden = state !== "offline"
  }

  say(words) {
    this.el("said").textContent = words
  }
}

export default function (component) {
  const { data, parentElement, setStateValue } = component
  const root = parentElement.querySelector(".panel")
  if (!root || !data) return undefined
  let panel = instances.get(parentElement)
  if (panel && (panel.user !== data.user || panel.project !== data.project)) {
    panel.destroy()
    panel = undefined
  }
  if (!panel) {
    panel = new Panel(data)
    instances.set(parentElement, panel)
  }
  panel.generation += 1
  const generation = panel.generation
  panel.receive(root, data, setStateValue)
  return () => {
    // A run that was overtaken is cleaned up after the next began: only the newest may take the listeners away.
    if (panel.generation !== generation) return
    panel.destroy()
    instances.delete(parentElement)
  }
}
