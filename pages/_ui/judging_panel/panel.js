// The judging panel: a queue of its own in the browser, so that a key moves on at once and no answer is lost or put on a record not shown.
//
// Invariants: a decision belongs to the record that is drawn; it stands in the outbox (localStorage, one entry an event, ids and labels and the
// expert's own note only) before the next record is drawn, and leaves it only when the server has stored or refused it; text goes in by
// textContent. New data never changes the record under the expert's eyes while they decide or write a note on it; a record that came in its place
// without them takes no decision for a moment; a reason or note goes with the record it was given for, or nowhere.

const QUIET_MS = 1000

const instances = new WeakMap()
const sittings = (globalThis.pairsmithSittings ??= new Map()) // survives a change of page, not a reload

class Panel extends SendingPanel {
  constructor(data) {
    super(data)
    this.queue = []
    this.shown = null
    this.reason = ""
    this.choosing = false
    this.full = false
    const name = this.outbox.prefix
    if (!sittings.has(name)) sittings.set(name, { stack: [], done: this.readDone(), spent: [], marks: true })
    this.sitting = sittings.get(name)
    this.keys = data.keys
  }

  get worked() {
    return this.sitting.done > 0
  }

  get undoKey() {
    return this.keys.undo.toUpperCase()
  }

  // ---- what the server says -------------------------------------------------------------------------------------------------

  receive(root, data, setStateValue) {
    this.setStateValue = setStateValue
    const first = this.root !== root
    if (first || JSON.stringify(data.keys) !== JSON.stringify(this.keys)) {
      this.bind(root, data.keys)
      if (this.shown) this.drawTexts(this.shown) // it names a key
    }
    if (data !== this.data) {
      this.settle(data)
      this.recall(data.recent ?? [])
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

  dropEntry(clientId) {
    const at = this.sitting.stack.findIndex(entry => entry.clientId === clientId)
    if (at < 0) return
    this.sitting.stack.splice(at, 1)
    this.count(-1)
  }

  merge(records) {
    const pending = this.outbox.pending()
    const handed = new Map(records.map(record => [pairOf(record), record]))
    const kept = this.queue.filter(record => {
      const known = pending.get(pairOf(record))
      const open = known ? !known.judged : handed.has(pairOf(record))
      return open || (record === this.shown && this.isHeld(known))
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
    this.exchange(kept)
  }

  // Whether the record on the screen stays there although it is judged by now: while a note or reason is given for it, and right after a key.
  isHeld(pending) {
    return this.hasDraft() || (!pending && Date.now() - this.lastKey < QUIET_MS)
  }

  hasDraft() {
    const note = this.el("note")
    return Boolean(this.reason || note.value.trim()) || note.getRootNode().activeElement === note
  }

  // Another queue, not by the expert's own decision: a record that comes under their eyes by it takes none for a moment.
  exchange(queue) {
    if (queue[0] !== this.shown && (this.shown || this.lastKey)) this.deafUntil = Date.now() + SETTLE_MS
    this.queue = queue
  }

  // What was held goes once nothing holds it any more.
  tick() {
    const pair = this.shown && pairOf(this.shown)
    const known = pair && this.outbox.pending().get(pair)
    const open = known ? !known.judged : (this.data.records ?? []).some(record => pairOf(record) === pair)
    if (this.shown && !open && !this.isHeld(known)) {
      this.merge(this.data.records ?? [])
      this.draw()
    } else this.drawState()
  }

  // ---- what the expert says -------------------------------------------------------------------------------------------------

  decide(act) {
    const record = this.shown
    if (!record || record !== this.queue[0]) return
    if (Date.now() < this.deafUntil) return this.refuseToAct("The record has just changed: nothing was judged.")
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
    this.deafUntil = 0
    this.draw() // first, since another record on the screen clears what was given for the one before
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
    this.act(name)
  }

  // Another tab judged, took back or was acknowledged: what it judged leaves this queue.
  onOthers() {
    const pending = this.outbox.pending()
    this.exchange(this.queue.filter(record => !pending.get(pairOf(record))?.judged || (record === this.shown && this.hasDraft())))
    this.draw()
  }

  count(step) {
    this.sitting.done = Math.max(0, this.sitting.done + step)
    try { sessionStorage.setItem(this.outbox.prefix + "done", String(this.sitting.done)) } catch { /* counted until the tab closes */ }
  }

  readDone() {
    try { return Number(sessionStorage.getItem(this.outbox.prefix + "done")) || 0 } catch { return 0 }
  }

  // ---- drawing --------------------------------------------------------------------------------------------------------------

  bind(root, keys) {
    this.keys = keys
    if (this.root !== root) this.shown = null
    this.root = root
    for (const [act, { name, help }] of Object.entries({ ...DECISIONS, ...OTHERS })) {
      const button = root.querySelector(`[data-act="${act}"]`)
      if (button) labelButton(button, this.keys[act], name, help)
    }
    this.el("note-key").textContent = this.keys.note.toUpperCase()
    this.el("chips").replaceChildren(...drawChips())
    this.el("help").replaceChildren(drawHelp(this.keys))
    root.onclick = event => {
      const name = event.target.closest("[data-act]")?.dataset.act
      if (!name) return
      this.lastKey = Date.now()
      if (event.detail > 1 && name in DECISIONS) this.refuseToAct("A double click counts once.")
      else this.act(name)
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
    this.drawRefused("judgement")
    this.drawState()
  }

  drawRecord(record) {
    this.shown = record
    this.root.dataset.pair = record ? pairOf(record) : ""
    this.clearDraft()
    this.startClock()
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
    this.drawFollowed(drain ? null : this.notice)
  }

  countLeft() {
    let left = this.data?.left ?? 0
    for (const { delta } of this.outbox.pending().values()) left += delta
    return Math.max(0, left)
  }
}

export default function (component) {
  return mountPanel(instances, Panel, component)
}
