package logs

import (
	"regexp"
	"strconv"
	"strings"
)

// Quote is a text as LogsQL quotes it.
func Quote(text string) string { return strconv.Quote(text) }

var bareName = regexp.MustCompile(`^[A-Za-z_][\w.]*$`)

// Name is the name of a field as LogsQL writes it: in quotes where it must be.
func Name(field string) string {
	if bareName.MatchString(field) && !keyword(field) {
		return field
	}
	return Quote(field)
}

// Is asks for events whose field is this text.
func Is(field, text string) string { return Name(field) + ":=" + Quote(text) }

// Has asks for events whose field has this text among its words; of no text, for
// events without the field.
func Has(field, text string) string { return Name(field) + ":" + Quote(text) }

// In asks for events whose field is one of some texts.
func In(field string, texts []string) string {
	quoted := make([]string, len(texts))
	for i, text := range texts {
		quoted[i] = Quote(text)
	}
	return Name(field) + ":in(" + strings.Join(quoted, ",") + ")"
}
