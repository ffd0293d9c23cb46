package web

import (
	"crypto/rand"
	"html/template"
	"regexp"
	"strconv"
	"time"

	"github.com/binnaclehq/binnacle/internal/lang"
)

// moments are the times that a page shows. Templates are parsed once for all
// readers, and readers live in several time zones: a template leaves a mark, and
// when the page is written each is replaced by the time in the reader's zone, as
// drawings are. Within an attribute html/template takes the mark out: a page gives
// the text there, on Ctx.Zone.
type moments struct {
	mark    string
	pattern *regexp.Regexp
}

func newMoments() moments {
	mark := "<!--moment " + rand.Text() + " "
	return moments{mark, regexp.MustCompile(regexp.QuoteMeta(mark) + `([a-z]+) (-?[0-9]+)-->`)}
}

// write leaves a mark for a time that nobody has put into a zone.
func (m moments) write(form string, t time.Time) template.HTML {
	return template.HTML(m.mark + form + " " + strconv.FormatInt(t.UnixMicro(), 10) + "-->")
}

// open reports whether a time is in no zone that somebody chose for it.
func open(t time.Time) bool { return t.Location() == time.UTC || t.Location() == time.Local }

// everywhere is the zone of a day.
var everywhere = time.FixedZone("", 0)

// Day marks a time as a day that somebody chose, such as the last one of an
// exception: pages write it as it is, in whatever zone its reader lives. Of a
// time alone nobody can tell: a moment may be at midnight too.
func Day(t time.Time) time.Time { return t.UTC().In(everywhere) }

// told replaces the marks of a page.
func (a *App) told(c *Ctx, page []byte) []byte {
	if !a.moments.pattern.Match(page) {
		return page
	}
	w, zone := writer{a, c.Lang}, c.Zone()
	return a.moments.pattern.ReplaceAllFunc(page, func(mark []byte) []byte {
		m := a.moments.pattern.FindSubmatch(mark)
		micros, err := strconv.ParseInt(string(m[2]), 10, 64)
		if err != nil {
			return nil // a time so far away that it is none
		}
		return []byte(w.stamp(time.UnixMicro(micros).In(zone), forms[string(m[1])]))
	})
}

// forms are the ways in which a moment is written.
var forms = map[string]func(writer, time.Time) string{
	"day":      func(w writer, t time.Time) string { return lang.Date(w.lang, t, w.now().In(t.Location())) },
	"datetime": func(w writer, t time.Time) string { return lang.DateTime(w.lang, t) },
	"ago":      writer.since,
	"when":     writer.sinceInWords,
	"until":    writer.left,
}
