// Command docgen writes the reference pages under docs/reference from the
// program itself: a page for each kind and one for the commands. It is run by
// go generate; CI fails when what it writes differs from what is kept.
package main

import (
	"bytes"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/binnaclehq/binnacle/internal/app"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/cli"
)

//go:generate go run . ../../docs/reference

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: docgen FOLDER")
	}
	if err := run(os.Args[1]); err != nil {
		log.Fatal(err)
	}
}

func run(dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(dir, "kinds"), 0o755); err != nil {
		return err
	}
	var index bytes.Buffer
	index.WriteString("# Kinds\n\nMade from the program by `go generate ./...`; `binnacle explain KIND` says the same in a terminal.\n\n| kind | room | what it is for |\n|---|---|---|\n")
	for _, k := range app.Kinds().All() {
		name := strings.ToLower(k.Name)
		fmt.Fprintf(&index, "| [%s](kinds/%s.md) | %s | %s |\n", k.Name, name, k.Room, k.Doc.En)
		if err := os.WriteFile(filepath.Join(dir, "kinds", name+".md"), page(k), 0o644); err != nil {
			return err
		}
	}
	index.WriteString("\n## What all kinds share\n\n")
	table(&index, catalog.MetadataFields())
	if err := os.WriteFile(filepath.Join(dir, "kinds.md"), index.Bytes(), 0o644); err != nil {
		return err
	}
	var commands bytes.Buffer
	if err := cli.WriteReference(&commands, app.Program()); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "commands.md"), commands.Bytes(), 0o644)
}

// page is the reference of one kind.
func page(k *catalog.Kind) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# %s\n\n%s\n\n- `apiVersion`: %s\n- names on the command line: %s\n- room: %s\n- en español: %s (%s)\n", k.Name, k.Doc.En,
		code(k.Versions...), code(append([]string{k.Plural}, k.Short...)...), k.Room, k.Title.Es, k.Titles.Es)
	if k.Open {
		b.WriteString("- fields of `spec` that are not listed here are kept as they are\n")
	}
	if k.Personal {
		b.WriteString("- about a person: looks by others are written to the audit log\n")
	}
	b.WriteString("\n## spec\n\n")
	table(&b, k.Fields)
	if len(k.Status) > 0 {
		b.WriteString("\n## status\n\nComputed; ignored in files.\n\n")
		table(&b, k.Status)
	}
	for _, ex := range k.Examples {
		fmt.Fprintf(&b, "\n## Example\n\n```yaml\n%s\n```\n", strings.TrimSpace(ex))
	}
	return b.Bytes()
}

func code(names ...string) string { return "`" + strings.Join(names, "`, `") + "`" }

func table(b *bytes.Buffer, fields []catalog.Field) {
	b.WriteString("| field | type | en español | what belongs in it |\n|---|---|---|---|\n")
	rows(b, fields)
}

func rows(b *bytes.Buffer, fields []catalog.Field) {
	for _, f := range fields {
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", f.Path, typeOf(&f), f.Label.Es, cell(&f))
		rows(b, f.Fields)
		if f.Item != nil {
			rows(b, f.Item.Fields)
		}
	}
}

func typeOf(f *catalog.Field) string {
	t := string(f.Type)
	switch f.Type {
	case catalog.List:
		t = "list of " + typeOf(f.Item)
	case catalog.Reference:
		t = "reference to " + strings.Join(f.Refs, ", ")
	}
	if f.Required {
		t += ", required"
	}
	return t
}

func cell(f *catalog.Field) string {
	text := f.Help.En
	if text == "" {
		text = f.Label.En + "."
	}
	if len(f.Enum) > 0 {
		values := make([]string, len(f.Enum))
		for i, e := range f.Enum {
			values[i] = "`" + e.Value + "`"
		}
		lead := " One of "
		if f.Suggest {
			lead = " For example "
		}
		text += lead + strings.Join(values, ", ") + "."
	}
	return strings.ReplaceAll(text, "|", `\|`)
}
