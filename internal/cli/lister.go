package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// lister prints entities in one of the outputs, as they come.
type lister struct {
	s     *session
	out   string
	n     int
	cols  []column
	table table
	array array
}

// column is one column of a list.
type column struct {
	head string
	cell func(*entity.Entity) cell
}

// lister of one kind has the kind's columns; of several, what all have.
func (s *session) lister(out string, kinds []*catalog.Kind, everywhere bool) *lister {
	l := &lister{s: s, out: out, array: array{w: s.Out}}
	if len(kinds) == 1 {
		l.cols = s.columns(kinds[0], out == "wide", everywhere)
	} else {
		l.cols = s.mixedColumns(out == "wide")
	}
	for _, c := range l.cols {
		l.table.head = append(l.table.head, c.head)
	}
	return l
}

const maxTitle = 60 // characters of a text in a table that is not wide

func (s *session) columns(k *catalog.Kind, wide, everywhere bool) []column {
	cut := maxTitle
	if wide {
		cut = 0
	}
	var cols []column
	add := func(head lang.Text, text func(*entity.Entity) string) {
		cols = append(cols, column{head.In(s.code), func(e *entity.Entity) cell { return plain(oneLine(text(e), cut)) }})
	}
	if everywhere || wide {
		add(lang.T("Namespace", "Espacio"), func(e *entity.Entity) string { return e.Ref().Namespace })
	}
	add(lang.T("Name", "Nombre"), func(e *entity.Entity) string { return e.Metadata.Name })
	add(lang.T("Title", "Título"), func(e *entity.Entity) string { return e.Metadata.Title })
	for _, f := range k.Columns() {
		cols = append(cols, column{s.label(&f), func(e *entity.Entity) cell {
			c := s.fieldCell(&f, e)
			c.text = oneLine(c.text, cut)
			return c
		}})
	}
	if wide {
		if k.Field("spec.owner") == nil {
			add(lang.T("Owner", "Responsable"), func(e *entity.Entity) string { return s.owner(e) })
		}
		add(lang.T("Labels", "Etiquetas"), func(e *entity.Entity) string { return pairs(e.Metadata.Labels) })
		add(lang.T("Tags", "Marcas"), func(e *entity.Entity) string { return strings.Join(e.Metadata.Tags, ",") })
		add(lang.T("Revision", "Revisión"), func(e *entity.Entity) string { return e.Metadata.ResourceVersion })
	}
	add(lang.T("Changed", "Cambio"), func(e *entity.Entity) string { return s.ago(timeOf(e.Metadata.Updated)) })
	return cols
}

func (s *session) mixedColumns(wide bool) []column {
	cols := []column{
		{s.say(lang.T("Name", "Nombre")), func(e *entity.Entity) cell { return plain(e.Ref().Short()) }},
		{s.say(lang.T("Title", "Título")), func(e *entity.Entity) cell { return plain(oneLine(e.Metadata.Title, maxTitle)) }},
		{s.say(lang.T("Owner", "Responsable")), func(e *entity.Entity) cell { return plain(s.owner(e)) }},
	}
	if wide {
		cols = append(cols, column{s.say(lang.T("Labels", "Etiquetas")), func(e *entity.Entity) cell { return plain(pairs(e.Metadata.Labels)) }},
			column{s.say(lang.T("Tags", "Marcas")), func(e *entity.Entity) cell { return plain(strings.Join(e.Metadata.Tags, ",")) }})
	}
	return append(cols, column{s.say(lang.T("Changed", "Cambio")), func(e *entity.Entity) cell { return plain(s.ago(timeOf(e.Metadata.Updated))) }})
}

// owner returns who answers for e: the owner of its spec, as Backstage has it,
// or of its metadata.
func (s *session) owner(e *entity.Entity) string {
	if k := s.Kinds.Get(e.Kind); k != nil {
		if f := k.Field("spec.owner"); f != nil && f.Get(e) != nil {
			return s.fieldCell(f, e).text
		}
	}
	return shortRef(e.Metadata.Owner, ownerKinds, e.Metadata.Namespace)
}

func timeOf(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

func (l *lister) add(e *entity.Entity) error {
	l.n++
	switch l.out {
	case "json":
		return l.array.add(e)
	case "yaml":
		if l.n > 1 {
			fmt.Fprintln(l.s.Out, "---")
		}
		return fullYAML(l.s.Out, l.s.Kinds, e)
	case "name":
		_, err := fmt.Fprintln(l.s.Out, e.Ref().Short())
		return err
	}
	row := make([]cell, len(l.cols))
	for i, c := range l.cols {
		row[i] = c.cell(e)
	}
	l.table.add(row...)
	return nil
}

func (l *lister) count() int { return l.n }

func (l *lister) end() error {
	switch {
	case l.out == "json":
		return l.array.end()
	case l.out == "yaml", l.out == "name", l.n == 0:
		return nil
	}
	return l.s.write(&l.table)
}
