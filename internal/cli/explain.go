package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
)

func explainCommand() *command {
	var out string
	return &command{
		use: "explain [KIND[.FIELD…]]", aliases: []string{"kinds"}, short: lang.T("Describe a kind and its fields; alone, list the kinds.", "Describe una clase y sus campos; sola, enumera las clases."),
		long: lang.T("Describe what files may hold. Without an argument it lists the kinds. -o json prints the JSON Schema of a kind, -o yaml its examples.",
			"Describe qué pueden contener los ficheros. Sin argumento enumera las clases. -o json imprime el esquema JSON de una clase, -o yaml sus ejemplos."),
		examples: []example{
			{lang.T("The kinds", "Las clases"), "binnacle explain"},
			{lang.T("A kind, and one of its fields", "Una clase, y uno de sus campos"), "binnacle explain component; binnacle explain component.spec.lifecycle"},
			{lang.T("A file to start from", "Un fichero para empezar"), "binnacle explain component -o yaml > component.yaml"},
			{lang.T("The schema, for an editor", "El esquema, para un editor"), "binnacle explain component -o json > component.schema.json"},
		},
		access: offline(), max: 1, complete: completeKinds,
		flags: func(f *flags) {
			f.choice(&out, "output", "o", "text", []string{"text", "yaml", "json", "name"}, lang.T("What to print", "Qué se imprime"))
		},
		run: func(_ context.Context, s *session, args []string) error {
			if len(args) == 0 {
				return s.listKinds(out)
			}
			return s.explain(args[0], out)
		},
	}
}

// kindLine is a kind in a list.
type kindLine struct {
	Name   string   `json:"name"`
	Plural string   `json:"plural"`
	Short  []string `json:"short,omitempty"`
	Room   string   `json:"room"`
	Doc    string   `json:"doc"`
}

func (s *session) listKinds(out string) error {
	lines := []kindLine{}
	for _, k := range s.Kinds.All() {
		lines = append(lines, kindLine{k.Name, k.Plural, k.Short, k.Room, k.Doc.In(s.code)})
	}
	switch out {
	case "json":
		return writeJSON(s.Out, lines)
	case "name":
		for _, l := range lines {
			fmt.Fprintln(s.Out, l.Plural)
		}
		return nil
	}
	t := &table{head: s.heads(lang.T("Kind", "Clase"), lang.T("Names", "Nombres"), lang.T("Room", "Sala"), lang.T("What it is for", "Para qué sirve"))}
	for _, l := range lines {
		doc, _, _ := strings.Cut(l.Doc, ". ")
		t.texts(l.Name, strings.Join(append([]string{l.Plural}, l.Short...), ","), l.Room, oneLine(doc, 80))
	}
	return s.write(t)
}

func (s *session) explain(arg, out string) error {
	name, path, _ := strings.Cut(arg, ".")
	k, err := s.Kinds.Find(name)
	if err != nil {
		return err
	}
	switch {
	case out == "json" && path == "":
		return writeJSON(s.Out, k.Schema())
	case out == "yaml" && path == "":
		fmt.Fprintln(s.Out, strings.TrimSpace(strings.Join(k.Examples, "\n---\n")))
		return nil
	case out != "text":
		return usage("-o %s describes a whole kind", "-o %s describe una clase entera", out).hinting("leave the field out, or -o", "omite el campo, u -o")
	}
	text, err := s.explainPath(k, path)
	if err == nil {
		fmt.Fprint(s.Out, printable(text))
	}
	return err
}

// explainPath finds a field by its path, with or without "spec." and the
// brackets of lists.
func (s *session) explainPath(k *catalog.Kind, path string) (string, error) {
	text, err := k.Explain(path, s.code)
	if !fault.Is(err, fault.NotFound) {
		return text, err
	}
	for _, p := range []string{"spec." + path, listPath(k, path), listPath(k, "spec."+path)} {
		if text, err := k.Explain(p, s.code); err == nil {
			return text, nil
		}
	}
	return "", err
}

// listPath puts [] behind each list on the way.
func listPath(k *catalog.Kind, path string) string {
	parts := strings.Split(path, ".")
	at := parts[0]
	for _, part := range parts[1:] {
		if f := k.Field(at); f != nil && f.Type == catalog.List {
			at += "[]"
		}
		at += "." + part
	}
	return at
}
