// What the panels of the app share: the outbox that keeps decisions in the browser until the server has them, and the drawing of text as text.
// It is put before a panel's own script; the panels have no build step.

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
