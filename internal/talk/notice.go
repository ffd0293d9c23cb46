package talk

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Notice is something people are told of when it is in the feed: how it reads,
// whom it reaches beside those who watch the record, and how urgent it is.
type Notice struct {
	Type string // in the feed: "comment.added", or "entity.*" for all of a sort
	Icon string // of the icon sheet, without "i-"
	// State is "warn" or "bad" for what needs somebody, "ok" or "info" else; the
	// digest lists what is bad apart.
	State string
	// Says is one sentence without the record's title, which stands above it: "Ana
	// commented". Markup and line breaks are taken out.
	Says func(Told) lang.Text
	// To returns who else is told, and why: accounts, references of people and of
	// groups, or people as catalog.Caller.Identity names them; nil: nobody. It reads
	// in the transaction of the watch.
	To func(ctx context.Context, q sqldb.Querier, e feed.Entry) (map[string]Why, error)
	// Thing reads, from the data of the entry, what it is about when that is no
	// record of the catalog; nil: it is about a record. Nobody owns or watches such a
	// thing: those are told whom To returns.
	Thing func(json.RawMessage) Thing
	// Direct reports whether somebody told for this reason is addressed
	// personally, which people may want at once; nil: never.
	Direct func(Why) bool
	// Only reports whether somebody is told for this reason at all; nil: always.
	Only func(Why) bool
	// Each of these is told alone; else what one person did to several records in
	// one go is told as one.
	Alone bool
	// Mailed says that whoever brings the notice mails people by itself, whatever
	// they chose; they get no other mail of it.
	Mailed bool
}

// Thing is what a notification is about that is no record: something with a page
// and rights of its own.
type Thing struct {
	Title    string
	Path     string // of its page, as "/alerts/AL-12"
	Kind     lang.Text
	Icon     string // of the icon sheet, without "i-"
	Resource auth.Resource
}

// Told is what Says writes about.
type Told struct {
	Type  string
	Actor string // the name of who did it
	Why   Why
	N     int           // how many records or things, when several were changed in one go
	Kind  *catalog.Kind // of the record; nil when the program no longer has it
	Data  json.RawMessage
}

// Field reads one text of the data; "" when there is none.
func (t Told) Field(name string) string {
	var m map[string]any
	if json.Unmarshal(t.Data, &m) != nil {
		return ""
	}
	s, _ := m[name].(string)
	return s
}

// list reads a list of texts of the data.
func (t Told) list(name string) []string {
	var m map[string]json.RawMessage
	var out []string
	if json.Unmarshal(t.Data, &m) != nil || json.Unmarshal(m[name], &out) != nil {
		return nil
	}
	return out
}

func (n *Notice) covers(t string) bool {
	prefix, all := strings.CutSuffix(n.Type, "*")
	return n.Type == t || all && strings.HasPrefix(t, prefix)
}

// notice returns how entries of a type are told; nil when they are not. One that
// names the type goes before one that covers it.
func (s *Service) notice(t string) *Notice {
	var found *Notice
	for i := range s.Notices {
		if n := &s.Notices[i]; n.covers(t) && (found == nil || n.Type == t) {
			found = n
		}
	}
	return found
}

// subject is what a notification is about: a record, or a thing that is none.
type subject struct {
	*catalog.Known
	thing *Thing
}

// subject returns what a notification of a type with some data is about; nil when
// nothing is known of it.
func (s *Service) subject(t string, data json.RawMessage, on *catalog.Known) *subject {
	if n := s.notice(t); n != nil && n.Thing != nil {
		thing := n.Thing(data)
		return &subject{thing: &thing}
	}
	if on == nil {
		return nil
	}
	return &subject{Known: on}
}

// resource is what is asked before somebody is told of it.
func (on *subject) resource() auth.Resource {
	if on.thing != nil {
		return on.thing.Resource
	}
	return on.Kind.Resource()
}

// kind is that of the record; nil for a thing that is none.
func (on *subject) kind() *catalog.Kind {
	if on == nil || on.thing != nil {
		return nil
	}
	return on.Kind
}

// entity is the record; nil for a thing that is none.
func (on *subject) entity() *entity.Entity {
	if on == nil || on.thing != nil {
		return nil
	}
	return on.Entity
}

// gone reports whether it can be opened no more.
func (on *subject) gone() bool { return on == nil || on.thing == nil && on.Deleted }

// title names it; ref is what is known of it when nothing else is.
func (on *subject) title(ref string) string {
	switch {
	case on == nil:
		return ref
	case on.thing != nil:
		return strings.Join(strings.Fields(on.thing.Title), " ")
	}
	return titleOf(on.Known, ref)
}

// says writes one sentence for every notification, whatever the notice gives.
func (n *Notice) says(t Told) lang.Text {
	if n == nil {
		return lang.T("Something happened: "+t.Type, "Ocurrió algo: "+t.Type)
	}
	text := n.Says(t)
	return lang.T(strings.Join(strings.Fields(text.En), " "), strings.Join(strings.Fields(text.Es), " "))
}

// ownNotices are those of the kernel: comments, attached files and changes of
// records.
func ownNotices() []Notice {
	mentioned := func(w Why) bool { return w == Mentioned }
	change := func(t, en, es, manyEn, manyEs string) Notice {
		return Notice{Type: t, Icon: "edit", Says: func(t Told) lang.Text {
			if t.N > 1 {
				return fill(lang.T(t.Actor+" "+manyEn, t.Actor+" "+manyEs), t.N)
			}
			return lang.T(t.Actor+" "+en, t.Actor+" "+es)
		}}
	}
	return []Notice{
		{Type: "comment.added", Icon: "comment", Alone: true, Direct: func(w Why) bool { return w == Mentioned || w == Began }, Says: saysComment},
		{Type: "comment.edited", Icon: "comment", Alone: true, Only: mentioned, Direct: mentioned, Says: saysComment},
		{Type: "comment.disputed", Icon: "warning", State: "bad", Alone: true, Direct: func(w Why) bool { return w == Mentioned || w == Owner || w == Assigned },
			Says: func(t Told) lang.Text { return lang.T(t.Actor+" disputes this", t.Actor+" objeta esto") }},
		{Type: "comment.answered", Icon: "comment", State: "info", Alone: true, Direct: func(w Why) bool { return w == Mentioned || w == Began },
			Says: func(t Told) lang.Text {
				return lang.T(t.Actor+" answered the dispute", t.Actor+" contestó la objeción")
			}},
		{Type: "attachment.added", Icon: "file", Alone: true, Says: func(t Told) lang.Text {
			return lang.T(t.Actor+" attached "+t.Field("name"), t.Actor+" adjuntó "+t.Field("name"))
		}},
		{Type: "attachment.removed", Icon: "file", Alone: true, Says: func(t Told) lang.Text {
			return lang.T(t.Actor+" removed the file "+t.Field("name"), t.Actor+" quitó el fichero "+t.Field("name"))
		}},
		{Type: "entity.updated", Icon: "edit", Says: saysChange},
		change("entity.created", "made this", "creó esto", "made {0} records", "creó {0} fichas"),
		change("entity.deleted", "deleted this", "borró esto", "deleted {0} records", "borró {0} fichas"),
		change("entity.renamed", "renamed this", "cambió el nombre de esto", "renamed {0} records", "cambió el nombre de {0} fichas"),
		change("entity.restored", "brought this back", "restauró esto", "brought {0} records back", "restauró {0} fichas"),
	}
}

func saysComment(t Told) lang.Text {
	switch {
	case t.Why == Mentioned:
		return lang.T(t.Actor+" mentioned you", t.Actor+" te mencionó")
	case t.Field("corrects") != "":
		return lang.T(t.Actor+" corrected a comment", t.Actor+" corrigió un comentario")
	case t.Field("kind") == string(Approval):
		return lang.T(t.Actor+" approved this", t.Actor+" dio su aprobación")
	case t.Field("thread") != "" && t.Why == Began:
		return lang.T(t.Actor+" replied to you", t.Actor+" te respondió")
	case t.Field("thread") != "":
		return lang.T(t.Actor+" replied", t.Actor+" respondió")
	}
	return lang.T(t.Actor+" commented", t.Actor+" comentó")
}

const fieldsTold = 3

// saysChange names the fields that changed, the first few.
func saysChange(t Told) lang.Text {
	if t.N > 1 {
		return fill(lang.T(t.Actor+" changed {0} records", t.Actor+" cambió {0} fichas"), t.N)
	}
	var en, es []string
	for _, path := range t.list("paths") {
		label := fieldLabel(t.Kind, path)
		if !slices.Contains(en, label.En) {
			en, es = append(en, label.En), append(es, label.In(lang.Spanish))
		}
	}
	switch {
	case len(en) == 0:
		return lang.T(t.Actor+" changed this", t.Actor+" cambió esto")
	case len(en) > fieldsTold:
		return fill(lang.T(t.Actor+" changed "+strings.Join(en[:fieldsTold], ", ")+" and {0} more", t.Actor+" cambió "+strings.Join(es[:fieldsTold], ", ")+" y {0} más"), len(en)-fieldsTold)
	}
	return lang.T(t.Actor+" changed "+strings.Join(en, ", "), t.Actor+" cambió "+strings.Join(es, ", "))
}

// fieldLabel names the field at a path, or what it is inside of.
func fieldLabel(k *catalog.Kind, path string) lang.Text {
	path, _, _ = strings.Cut(path, "[")
	for p := path; p != ""; p = p[:max(0, strings.LastIndexByte(p, '.'))] {
		if k != nil {
			if f := k.Field(p); f != nil && f.Label.En != "" {
				return lower(f.Label)
			}
		}
		for _, f := range catalog.MetadataFields() {
			if f.Path == p {
				return lower(f.Label)
			}
		}
	}
	name := path[strings.LastIndexByte(path, '.')+1:]
	return lang.T(name, name)
}

// lower writes a label inside a sentence: small, unless it is an acronym.
func lower(t lang.Text) lang.Text {
	small := func(s string) string {
		if len(s) > 1 && s[1] >= 'A' && s[1] <= 'Z' {
			return s
		}
		return strings.ToLower(s)
	}
	return lang.T(small(t.En), small(cmp.Or(t.Es, t.En)))
}

func fill(t lang.Text, n int) lang.Text {
	return lang.T(strings.ReplaceAll(t.En, "{0}", lang.Int(lang.English, int64(n))), strings.ReplaceAll(t.Es, "{0}", lang.Int(lang.Spanish, int64(n))))
}
