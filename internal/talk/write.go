package talk

import (
	"fmt"
	"html/template"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/action"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// linesMost is how many things a part of the digest lists.
const linesMost = 25

var weekdays = map[lang.Code][]string{
	lang.English: {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"},
	lang.Spanish: {"domingo", "lunes", "martes", "miércoles", "jueves", "viernes", "sábado"},
}

// day writes Monday 2 Mar 2026, as a heading.
func (e *digestEdition) day() string {
	local := e.Until.In(e.Zone)
	name := weekdays[e.Lang][local.Weekday()]
	return strings.ToUpper(name[:1]) + name[1:] + " " + lang.Date(e.Lang, local, time.Time{})
}

// message writes the mail.
func (e *digestEdition) message() action.Message {
	return action.Message{Name: e.Name, Subject: e.subject(), Text: e.text(), HTML: e.html(), List: "digest", Unsubscribe: e.Base + settingsPath}
}

// subject is "Acme, 2 Mar: 1 waiting, 2 red, 5 changed".
func (e *digestEdition) subject() string {
	local := e.Until.In(e.Zone)
	var counts []string
	for i, lines := range e.Parts {
		if len(lines) > 0 {
			counts = append(counts, fill(parts[i].count, len(lines)).In(e.Lang))
		}
	}
	s := e.Org + ", " + lang.Date(e.Lang, local, local)
	if len(counts) == 0 {
		return s
	}
	return s + ": " + strings.Join(counts, ", ")
}

func (e *digestEdition) say(en, es string, args ...any) string {
	return fmt.Sprintf(lang.T(en, es).In(e.Lang), args...)
}

// text writes the plain part, which is the mail: the other only repeats it.
func (e *digestEdition) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s\n", e.Org, e.day())
	for i, lines := range e.Parts {
		if len(lines) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n\n%s\n", strings.ToUpper(parts[i].title.In(e.Lang)))
		for _, l := range lines[:min(len(lines), linesMost)] {
			b.WriteString("\n" + l.Title + "\n")
			for _, s := range l.Says {
				b.WriteString("  " + s.In(e.Lang) + "\n")
			}
			if l.URL != "" {
				b.WriteString("  " + l.URL + "\n")
			}
		}
		if more := len(lines) - linesMost; more > 0 {
			b.WriteString("\n" + e.more(more) + "\n  " + e.Base + "/notifications\n")
		}
	}
	for _, id := range e.Failed {
		b.WriteString("\n" + e.failed(id) + "\n")
	}
	fmt.Fprintf(&b, "\n-- \n%s\n%s %s\n", e.rhythm(), e.say("Change what you are told:", "Cambia lo que recibes:"), e.Base+settingsPath)
	return b.String()
}

func (e *digestEdition) more(n int) string { return e.say("And %d more.", "Y %d más.", n) }

func (e *digestEdition) failed(id string) string {
	return e.say("A part of this digest (%s) could not be made this time; the server's log says why.", "Una parte de este resumen (%s) no se pudo hacer esta vez; el registro del servidor dice por qué.", id)
}

// rhythm says when digests come.
func (e *digestEdition) rhythm() string {
	r := e.Rhythm
	if r.Digest == Weekly {
		return e.say("You get this every %s at %02d:00 (%s).", "Recibes esto cada %s a las %02d:00 (%s).", weekdays[e.Lang][r.Weekday], r.Hour, r.Zone)
	}
	return e.say("You get this every day at %02d:00 (%s).", "Recibes esto cada día a las %02d:00 (%s).", r.Hour, r.Zone)
}

// page is the HTML part: headings, lists and links, no picture and no style, so
// that every reader shows it in its own way.
var page = template.Must(template.New("digest").Parse(`<!doctype html>
<html lang="{{.Lang}}"><head><meta charset="utf-8"><title>{{.Subject}}</title></head><body>
<h1>{{.Org}}</h1>
<p>{{.Day}}</p>
{{- range .Parts}}
<h2>{{.Title}}</h2>
<ul>
{{- range .Lines}}
<li>{{if .URL}}<a href="{{.URL}}">{{.Title}}</a>{{else}}{{.Title}}{{end}}{{range .Says}}<br>{{.}}{{end}}</li>
{{- end}}
</ul>
{{- with .More}}
<p><a href="{{$.Base}}/notifications">{{.}}</a></p>
{{- end}}
{{- end}}
{{- range .Failed}}
<p>{{.}}</p>
{{- end}}
<hr>
<p>{{.Rhythm}} <a href="{{.Settings}}">{{.Change}}</a></p>
</body></html>
`))

type pageLine struct {
	Title, URL string
	Says       []string
}

type pagePart struct {
	Title, More string
	Lines       []pageLine
}

func (e *digestEdition) html() string {
	data := struct {
		Lang                            lang.Code
		Subject, Org, Day, Rhythm, Base string
		Settings, Change                string
		Parts                           []pagePart
		Failed                          []string
	}{Lang: e.Lang, Subject: e.subject(), Org: e.Org, Day: e.day(), Rhythm: e.rhythm(), Base: e.Base, Settings: e.Base + settingsPath,
		Change: e.say("Change what you are told", "Cambia lo que recibes")}
	for i, lines := range e.Parts {
		if len(lines) == 0 {
			continue
		}
		p := pagePart{Title: parts[i].title.In(e.Lang)}
		for _, l := range lines[:min(len(lines), linesMost)] {
			line := pageLine{Title: l.Title, URL: l.URL}
			for _, s := range l.Says {
				line.Says = append(line.Says, s.In(e.Lang))
			}
			p.Lines = append(p.Lines, line)
		}
		if more := len(lines) - linesMost; more > 0 {
			p.More = e.more(more)
		}
		data.Parts = append(data.Parts, p)
	}
	for _, id := range e.Failed {
		data.Failed = append(data.Failed, e.failed(id))
	}
	var b strings.Builder
	if err := page.Execute(&b, data); err != nil {
		return "" // the plain part says it all
	}
	return b.String()
}
