// The judging panel: a queue of its own in the browser, so that a key moves on at once and no answer is lost or put on a record not shown.
//
// Invariants: a decision belongs to the record that is drawn; it stands in the outbox (localStorage, one entry an event, ids and labels and the
// expert's own note only) before the next record is drawn, and leaves it only when the server has stored or refused it; text goes in by
// textContent. New data never changes the record under the expert's eyes while keys are being pressed.

const DECISIONS = {
  hard_negative: { label: "hard_negative", name: "Hard negative", key: "a", help: "Looks like an answer and is none. What the model learns to keep away." },
  fully: { label: "positive", grade: 3, name: "Answers fully", key: "p", help: "Actually relevant: it answers the question fully (grade 3)." },
  partly: { label: "positive", grade: 2, name: "Partly", key: "2", help: "Answers part of the question (grade 2)." },
  touches: { label: "positive", grade: 1, name: "Touches", key: "1", help: "Touches the question without answering it (grade 1)." },
  ambiguous: { label: "ambiguous", name: "Ambiguous", key: "b", help: "Could be read either way. Left out of training." },
  skipped: { label: "skipped", name: "Skip", key: "s", help: "Not now, and not in training." },
  cannot_judge: { label: "cannot_judge", name: "Cannot judge", key: "n", help: "Outside what you can decide. Left out of training." },
}
const OTHERS = {
  undo: { name: "Undo", key: "u", help: "Take back the last decision and go back to its record, as often as you like." },
  reason: { name: "Reason", key: "e", help: "Choose a reason by its number; it is kept with the next decision." },
  note: { name: "Note", key: "t", help: "Write a note; Enter or Escape leaves it. Keys typed there judge nothing." },
  help: { name: "Keys", key: "?", help: "Show or hide this list." },
}
const REASONS = ["same topic, other answer", "superseded", "wrong jurisdiction or population", "partial", "boilerplate"]
const AFTER_KEY_MS = 120
const AT_LATEST_MS = 600
const RETRY_MS = 1500
const RETRY_MOST_MS = 5000
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
    this.generation = 0
    const name = this.outbox.prefix
    if (!sittings.has(name)) sittings.set(name, { stack: [], done: this.readDone() })
    this.sitting = sittings.get(name)
    this.lastStamp = Math.max(0, ...this.outbox.read().map(event => event.decided_at))
    this.keys = { ...Object.fromEntries(Object.entries({ ...DECISIONS, ...OTHERS }).map(([act, it]) => [act, it.key])), ...data.keys }
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
      this.merge(data.records ?? [])
    }
    if (first && this.outbox.read().length) this.schedule(0)
    this.draw()
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
      reason: this.reason, note: this.el("note").value.trim(), shown_at: this.shownAt, decided_at: this.stamp(), active_ms: Math.round(this.activeMs()),
    }
    this.outbox.add(event)
    this.sitting.stack.push({ clientId: event.client_id, record, reason: event.reason, note: event.note })
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
    this.queue = [entry.record, ...this.queue.filter(record => pairOf(record) !== pairOf(entry.record))]
    this.count(-1)
    this.clearDraft()
    this.reason = entry.reason
    this.el("note").value = entry.note
    this.schedule(AFTER_KEY_MS)
    this.draw()
    this.say("Taken back. The record is open again.")
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
    this.el("chips").replaceChildren(...REASONS.map((reason, i) => {
      const chip = document.createElement("button")
      chip.type = "button"
      chip.dataset.act = `chip-${i}`
      labelButton(chip, String(i + 1), sentence(reason), `Reason: ${reason}`)
      chip.setAttribute("aria-label", `Reason: ${reason}`)
      return chip
    }))
    const list = document.createElement("dl")
    for (const [act, { name, help }] of Object.entries({ ...DECISIONS, ...OTHERS })) {
      const term = document.createElement("dt")
      const key = document.createElement("kbd")
      key.textContent = this.keys[act].toUpperCase()
      term.append(key)
      const words = document.createElement("dd")
      words.textContent = act in DECISIONS ? `${name}. ${help}` : help
      list.append(term, words)
    }
    this.el("help").replaceChildren(list)
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
    this.el("progress").textContent = `${this.sitting.done.toLocaleString("en")} done in this sitting · ${left.toLocaleString("en")} left in the queue`
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
    const answers = record.positives.map(drawDocument)
    this.el("answers").replaceChildren(...(answers.length ? answers : [line("p", "text", "No answer is labelled yet.")]))
    this.el("candidate").replaceChildren(drawDocument(record.candidate))
    this.el("answers").scrollTop = 0
    this.el("candidate").scrollTop = 0
    this.el("question").scrollTop = 0
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

function sentence(words) {
  return words[0].toUpperCase() + words.slice(1)
}

function sayUnsaved(n) {
  const [what, them] = n === 1 ? ["1 judgement is", "it"] : [`${n.toLocaleString("en")} judgements are`, "them"]
  return `${what} still in this browser and on the way to the server. This page does not count ${them} yet.`
}

function drawDocument(item) {
  const article = document.createElement("article")
  article.append(line("p", "place", item.place))
  if (item.title) article.append(line("p", "title", item.title))
  article.append(line("p", "text", item.text))
  return article
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
