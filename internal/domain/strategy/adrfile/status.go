package adrfile

import (
	"regexp"
	"strings"
)

// statusWords are the words people use, in English and Spanish.
var statusWords = map[string]Status{
	"draft": Draft, "borrador": Draft,
	"proposed": Proposed, "proposal": Proposed, "pending": Proposed, "propuesta": Proposed, "propuesto": Proposed,
	"accepted": Accepted, "approved": Accepted, "adopted": Accepted, "decided": Accepted, "implemented": Accepted,
	"aceptada": Accepted, "aceptado": Accepted, "aprobada": Accepted, "aprobado": Accepted,
	"rejected": Rejected, "declined": Rejected, "rechazada": Rejected, "rechazado": Rejected,
	"deprecated": Deprecated, "obsolete": Deprecated, "retired": Deprecated, "obsoleta": Deprecated, "obsoleto": Deprecated,
	"superseded": Superseded, "superceded": Superseded, "replaced": Superseded,
	"sustituida": Superseded, "sustituido": Superseded, "reemplazada": Superseded, "reemplazado": Superseded,
}

var (
	firstWord    = regexp.MustCompile(`[\p{L}]+`)
	supersededBy = regexp.MustCompile(`(?i)^\W*(?:super[sc]eded|replaced|sustituid[ao]|reemplazad[ao])\s*(?:by|por)\s*:?\s*(.*)$`)
	adrNumber    = regexp.MustCompile(`^(?i:ADR)?[-# ]*0*(\d{1,4})\b`)
)

// ParseStatus tells the status from the words a record uses. Words that are no
// status are a draft, with known false; no words at all are accepted.
func ParseStatus(raw string) (s Status, known bool) {
	if strings.TrimSpace(raw) == "" {
		return Accepted, true
	}
	if s, known = statusWords[strings.ToLower(firstWord.FindString(raw))]; known {
		return s, true
	}
	return Draft, false
}

// status sets the status from the metadata, else from the section Status.
func (r *record) status() {
	if e, ok := r.entries["status"]; ok {
		r.RawStatus = e.raw
	}
	r.Status, _ = ParseStatus(r.RawStatus)
	if r.Status != Superseded {
		return
	}
	if e, ok := r.entries["superseded-by"]; ok && e.raw != "" {
		r.super = reference(e.raw)
	} else if m := supersededBy.FindStringSubmatch(r.RawStatus); m != nil {
		r.super = reference(m[1])
	}
}

// reference reads a link, or a text that names a record.
func reference(text string) ref {
	if links := inlineLinks(text); len(links) > 0 {
		return ref{text: links[0].text, target: links[0].target}
	}
	return ref{text: strings.Trim(strings.TrimSpace(text), ".,;")}
}

// statusLine tells which of a section's lines states the status: that it is
// superseded, else the first that is a status word, else the first that is no
// relation to another record. -1 when there is none.
func statusLine(lines []string) int {
	first, word := -1, -1
	for i, s := range lines {
		status, known := ParseStatus(s)
		switch {
		case s == "":
		case known && status == Superseded:
			return i
		case known && word < 0:
			word = i
		case first < 0 && relation(s) == "" && len(inlineLinks(s)) == 0:
			first = i
		}
	}
	if word >= 0 {
		return word
	}
	return first
}
