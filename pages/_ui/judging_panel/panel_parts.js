// What the judging panel is made of: its actions, the drawing of a record, and the pace. No state; panel.js stands behind it.

const DECISIONS = {
  hard_negative: { label: "hard_negative", name: "Hard negative", help: "Looks like an answer and is none. What the model learns to keep away." },
  fully: { label: "positive", grade: 3, name: "Answers fully", help: "Actually relevant: it answers the question fully (grade 3)." },
  partly: { label: "positive", grade: 2, name: "Partly", help: "Answers part of the question (grade 2)." },
  touches: { label: "positive", grade: 1, name: "Touches", help: "Touches the question without answering it (grade 1)." },
  ambiguous: { label: "ambiguous", name: "Ambiguous", help: "Could be read either way. Left out of training." },
  skipped: { label: "skipped", name: "Skip", help: "Not now, and not in training." },
  cannot_judge: { label: "cannot_judge", name: "Cannot judge", help: "Outside what you can decide. Left out of training." },
}
const OTHERS = {
  undo: { name: "Undo", help: "Take back the last decision, with all that followed from it, and go back to its record. As often as you like." },
  more: { name: "More like this", help: "After “actually relevant”: put the documents nearest to that answer next in the queue." },
  full: { name: "Full text", help: "Show long documents whole, or their best passage again." },
  marks: { name: "Marks", help: "Show or hide the marks: terms of the question, and differences from the known answer." },
  search: { name: "Search", help: "Open the label page for this question in a new tab, to search the corpus." },
  reason: { name: "Reason", help: "Choose a reason by its number; it is kept with the next decision." },
  note: { name: "Note", help: "Write a note; Enter or Escape leaves it. Keys typed there judge nothing." },
  help: { name: "Keys", help: "Show or hide this list." },
}
const REASONS = ["same topic, other answer", "superseded", "wrong jurisdiction or population", "partial", "boilerplate"]
const MARK_NAMES = { shared: "term of the question", differs: "differs from the known answer", both: "term of the question that differs from the known answer" }
const PACE_OVER = 20

function sentence(words) {
  return words[0].toUpperCase() + words.slice(1)
}

function sayUnsaved(n) {
  const [what, them] = n === 1 ? ["1 judgement is", "it"] : [`${n.toLocaleString("en")} judgements are`, "them"]
  return `${what} still in this browser and on the way to the server. This page does not count ${them} yet.`
}

// Pieces of a text, each [text, kind], as spans; a kind that is not known is drawn plain.
function drawSegments(paragraph, segments) {
  for (const [text, kind] of segments) {
    if (!(kind in MARK_NAMES)) {
      paragraph.append(document.createTextNode(text))
      continue
    }
    const mark = document.createElement("span")
    mark.className = `mark ${kind}`
    mark.title = sentence(MARK_NAMES[kind])
    mark.textContent = text
    paragraph.append(mark)
  }
}

function drawDocument(item, full, key) {
  const article = document.createElement("article")
  article.append(line("p", "place", item.place))
  if (item.title) article.append(line("p", "title", item.title))
  const cut = item.before.length + item.after.length > 0
  if (cut) {
    const length = [...item.before, ...item.passage, ...item.after].reduce((sum, [text]) => sum + text.length, 0).toLocaleString("en")
    article.append(line("p", "extent", full ? `All ${length} characters · ${key} shows the best passage` : `Best passage · ${key} shows all ${length} characters`))
  }
  const paragraph = line("p", "text", "")
  if (full) drawSegments(paragraph, [...item.before, ...item.passage, ...item.after])
  else drawSegments(paragraph, [...(item.before.length ? [["… ", ""]] : []), ...item.passage, ...(item.after.length ? [[" …", ""]] : [])])
  article.append(paragraph)
  return article
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  const half = Math.floor(sorted.length / 2)
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2
}

// Pace and time left, from the milliseconds of attention that the last records took; nothing before there are three.
function sayPace(spent, left) {
  const last = spent.slice(-PACE_OVER)
  if (last.length < 3) return ""
  const each = Math.max(100, median(last))
  const perMinute = 60000 / each
  const pace = perMinute >= 2 ? `${Math.round(perMinute).toLocaleString("en")} a minute` : `${Math.round(perMinute * 60).toLocaleString("en")} an hour`
  const minutes = Math.ceil((left * each) / 60000)
  const rest = minutes < 1 || left === 0 ? "" : minutes < 90 ? ` · about ${minutes} min left` : ` · about ${Math.round(minutes / 60)} h left`
  return ` · ${pace}${rest}`
}

function drawHelp(keys) {
  const list = document.createElement("dl")
  for (const [act, { name, help }] of Object.entries({ ...DECISIONS, ...OTHERS })) {
    const term = document.createElement("dt")
    const key = document.createElement("kbd")
    key.textContent = keys[act].toUpperCase()
    term.append(key)
    const words = document.createElement("dd")
    words.textContent = act in DECISIONS ? `${name}. ${help}` : help
    list.append(term, words)
  }
  return list
}

function drawChips() {
  return REASONS.map((reason, i) => {
    const chip = document.createElement("button")
    chip.type = "button"
    chip.dataset.act = `chip-${i}`
    labelButton(chip, String(i + 1), sentence(reason), `Reason: ${reason}`)
    chip.setAttribute("aria-label", `Reason: ${reason}`)
    return chip
  })
}
