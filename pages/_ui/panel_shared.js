// What the panels of the app share: the outbox that keeps decisions in the browser until the server has them, the sending of it, what followed from a
// decision in words, and the drawing of text as text. It is put before a panel's own script; the panels have no build step.

const AFTER_KEY_MS = 120
const AT_LATEST_MS = 600
const RETRY_MS = 1500
const RETRY_MOST_MS = 30000 // a sending breaks off the run that the last one began: the wait must grow beyond what a run takes on a busy server
const OFFLINE_MS = 4000
const SETTLE_MS = 500
const TOLD_MOST = 6

const pairOf = item => JSON.stringify([item.anchor_id, item.document_id])

function makeId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), byte => byte.toString(16).padStart(2, "0")).join("")
}

// The outbox: one localStorage entry an event, so that two tabs never overwrite each other's.
class Outbox {
  constructor(user, project) {
    this.prefix = `pairsmith:outbox:${encodeURIComponent(user)}:${encodeURIComponent(project)}:`
    this.spare = new Map() // where the browser refuses storage: kept as long as the tab lives
  }

  read() {
    const events = [...this.spare.values()]
    try {
      for (let i = 0; i < localStorage.length; i += 1) {
        const key = localStorage.key(i)
        if (!key.startsWith(this.prefix)) continue
        try {
          const event = JSON.parse(localStorage.getItem(key))
          if (event?.client_id) events.push(event)
        } catch { /* not ours to mend: an entry that is no event is passed over */ }
      }
    } catch { /* storage is blocked: the spare has all */ }
    return events.sort((a, b) => a.decided_at - b.decided_at || (a.client_id < b.client_id ? -1 : 1))
  }

  add(event) {
    try {
      localStorage.setItem(this.prefix + event.client_id, JSON.stringify(event))
    } catch {
      this.spare.set(event.client_id, event)
    }
  }

  drop(clientId) {
    this.spare.delete(clientId)
    try { localStorage.removeItem(this.prefix + clientId) } catch { /* nothing stored there */ }
  }

  // By pair: whether it is judged after the events not yet acknowledged, and how that changes the number left.
  pending() {
    const pairs = new Map()
    for (const event of this.read()) {
      if (event.more) continue // asks for records, and judges none
      const judged = !event.undoes
      const before = pairs.get(pairOf(event))
      const openFirst = before ? before.openFirst : judged
      pairs.set(pairOf(event), { judged, openFirst, delta: (judged ? 0 : 1) - (openFirst ? 1 : 0) })
    }
    return pairs
  }
}

function isTyping(event) {
  return event.composedPath().some(node => {
    if (!(node instanceof Element)) return false
    const tag = node.tagName
    const role = node.getAttribute("role")
    return tag === "INPUT" || tag === "TEXTAREA" || tag === "SELECT" || node.isContentEditable || ["textbox", "combobox", "listbox", "menu", "dialog"].includes(role)
  })
}

function labelButton(button, key, name, help) {
  const mark = document.createElement("kbd")
  mark.textContent = key.toUpperCase()
  mark.setAttribute("aria-hidden", "true")
  button.replaceChildren(mark, document.createTextNode(name))
  button.setAttribute("aria-label", `${name}, key ${key.toUpperCase()}`)
  button.setAttribute("aria-keyshortcuts", key.toUpperCase())
  button.title = help
}

function line(tag, kind, words) {
  const element = document.createElement(tag)
  element.className = kind
  element.dir = "auto"
  element.textContent = words
  return element
}

// What followed from a decision or from taking it back, in words: [a sentence, the list behind it, warnings].
function tellFollowed({ pairs, warnings, told, undone }) {
  const shown = pairs.slice(0, TOLD_MOST).map(pair => (pair.anchor ? `${pair.document}, for “${pair.anchor}”` : pair.document))
  if (pairs.length > TOLD_MOST) shown.push(`and ${(pairs.length - TOLD_MOST).toLocaleString("en")} more`)
  const near = pairs.some(pair => !pair.anchor)
  const asked = pairs.some(pair => pair.anchor)
  const what = near && asked ? "near-duplicates and paraphrases" : asked ? "paraphrases of the question" : pairs.length === 1 ? "near-duplicate" : "near-duplicates"
  const head = pairs.length ? `${undone ? "Also taken back" : "Also applied"}${undone ? ":" : " to"} ${pairs.length.toLocaleString("en")} ${what}${undone ? "" : ":"}` : ""
  return { head, shown, warnings: [...warnings, ...(told ? [told] : [])] }
}

// A panel that sends its outbox until the server has it, and says how far that is. Its kind adds `draw`, `act`, `onKey`, `onOthers` (another tab
// wrote), `bind`, `dropEntry` (an event was refused), `worked` (something was done in this sitting) and `undoKey`.
class SendingPanel {
  constructor(data) {
    this.user = data.user
    this.project = data.project
    this.outbox = new Outbox(data.user, data.project)
    this.data = null
    this.tab = makeId().slice(0, 8)
    this.sent = 0
    this.retry = RETRY_MS
    this.unsentSince = 0
    this.waitingSince = 0
    this.lastKey = 0
    this.deafUntil = 0
    this.refused = []
    this.notice = null
    this.told = new Set()
    this.generation = 0
    this.lastStamp = Math.max(0, ...this.outbox.read().map(event => event.decided_at))
    this.onKey = this.onKey.bind(this)
    this.onVisible = this.onVisible.bind(this)
    this.onStorage = this.onStorage.bind(this)
    document.addEventListener("keydown", this.onKey)
    document.addEventListener("visibilitychange", this.onVisible)
    window.addEventListener("storage", this.onStorage)
    window.addEventListener("online", this.onVisible)
    this.ticker = setInterval(() => this.tick(), 1000)
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

  // What the server says of the last sending: stored, refused, and what followed, which is told once however often it is said.
  settle(data) {
    const before = this.outbox.read().length
    this.data = data
    for (const clientId of data.acknowledged ?? []) this.outbox.drop(clientId)
    const mine = new Set(this.outbox.read().map(event => event.client_id))
    for (const [clientId, why] of Object.entries(data.refused ?? {})) {
      if (!mine.has(clientId)) continue
      this.outbox.drop(clientId)
      this.dropEntry(clientId)
      this.refused.push(why)
    }
    const left = this.outbox.read().length
    if (left < before) this.retry = RETRY_MS
    this.waitingSince = left ? (left < before ? Date.now() : this.waitingSince) : 0
    for (const [clientId, what] of Object.entries(data.followed ?? {})) {
      if (this.told.has(clientId)) continue
      this.told.add(clientId)
      this.notice = what
      const { head, shown, warnings } = tellFollowed(what)
      this.say([head, ...shown, ...warnings].filter(Boolean).join(" "))
    }
  }

  tick() {
    this.drawState()
  }

  onVisible() {
    this.activeMs()
    if (document.visibilityState === "visible" && this.outbox.read().length) this.schedule(0)
  }

  onStorage(event) {
    if (event.key === null || event.key.startsWith(this.outbox.prefix)) this.onOthers()
  }

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

  // Seconds since the epoch, always later than the last: the order of the outbox.
  stamp() {
    this.lastStamp = Math.max(Date.now() / 1000, this.lastStamp + 0.001)
    return this.lastStamp
  }

  // The time of what is shown now begins.
  startClock() {
    this.active = 0
    this.activeFrom = performance.now()
    this.wasVisible = document.visibilityState === "visible"
    this.shownAt = Date.now() / 1000
  }

  // Milliseconds that what is shown was on the screen of a visible tab.
  activeMs() {
    const now = performance.now()
    if (this.wasVisible) this.active += now - this.activeFrom
    this.activeFrom = now
    this.wasVisible = document.visibilityState === "visible"
    return this.active
  }

  el(part) {
    return this.root.querySelector(`[data-part="${part}"]`)
  }

  drawState() {
    const n = this.outbox.read().length
    const late = this.waitingSince && Date.now() - this.waitingSince > OFFLINE_MS
    const state = n === 0 ? (this.worked || this.sent ? "saved" : "idle") : late ? "offline" : "saving"
    const words = { saved: "Saved", idle: "", saving: `Saving ${n}`, offline: `Offline ${n}` }[state]
    const box = this.el("state")
    if (box.textContent !== words) box.textContent = words
    box.dataset.state = state
    this.el("hint").hidden = state !== "offline"
  }

  drawRefused(what) {
    this.el("refused").hidden = !this.refused.length
    this.el("refused-list").replaceChildren(...this.refused.map(why => line("li", "", `One ${what} was not saved. ${why}`)))
  }

  drawFollowed(notice) {
    const { head, shown, warnings } = notice ? tellFollowed(notice) : { head: "", shown: [], warnings: [] }
    this.el("followed").hidden = !head && !warnings.length
    const undo = head && !notice.undone ? [line("li", "", `${this.undoKey} on that decision takes all of it back.`)] : []
    const list = head ? [line("li", "", [head, shown.join("; ")].join(" "))] : []
    this.el("followed").replaceChildren(...list, ...undo, ...warnings.map(words => line("li", "warning", words)))
  }

  say(words) {
    this.el("said").className = "unseen"
    this.el("said").textContent = words
  }

  // Says, for the eye too, why a key or a click did nothing; the next thing said takes its place.
  refuseToAct(words) {
    this.el("said").className = "passed"
    this.el("said").textContent = words
  }
}

// One panel an element, as long as the same person has the same project open.
function mountPanel(instances, Kind, { data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".panel")
  if (!root || !data) return undefined
  let panel = instances.get(parentElement)
  if (panel && (panel.user !== data.user || panel.project !== data.project)) {
    panel.destroy()
    panel = undefined
  }
  if (!panel) {
    panel = new Kind(data)
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
