package cli

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// WriteReference writes the reference of all commands as Markdown, in English.
func WriteReference(w io.Writer, p Program) error {
	s := &session{Program: p, Streams: Streams{Env: func(string) string { return "" }}, code: "en", made: map[*cobra.Command]*command{}}
	root := s.build(s.root())
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Commands\n\nMade from the program by `go generate ./...`; `binnacle COMMAND --help` says the same in a terminal.\n\n%s\n", verbatim(root.Long))
	b.WriteString("\n| command | what it does | takes |\n|---|---|---|\n")
	s.visit(root, func(cc *cobra.Command, c *command) {
		if c.run != nil {
			fmt.Fprintf(&b, "| [%s](#%s) | %s | %s |\n", cc.CommandPath(), anchor(cc.CommandPath()), cc.Short, takes(c.access))
		}
	})
	b.WriteString("\n## Where commands act\n\n" + flagTable(root.PersistentFlags()))
	s.visit(root, func(cc *cobra.Command, c *command) {
		if c.run != nil {
			s.writeCommand(&b, cc, c)
		}
	})
	_, err := w.Write(b.Bytes())
	return err
}

// visit calls f for the commands below cc, in their order.
func (s *session) visit(cc *cobra.Command, f func(*cobra.Command, *command)) {
	for _, child := range s.made[cc].children {
		for _, built := range cc.Commands() {
			if s.made[built] == child {
				f(built, child)
				s.visit(built, f)
			}
		}
	}
}

func takes(a access) string {
	switch {
	case a.Offline:
		return "nothing"
	case a.Kinds:
		return "`" + string(a.Verb) + "` on the kinds named"
	case a.Resource.Kind != "":
		return "`" + string(a.Verb) + "` on " + a.Resource.Kind
	}
	return "`" + string(a.Verb) + "`"
}

func (s *session) writeCommand(b *bytes.Buffer, cc *cobra.Command, c *command) {
	fmt.Fprintf(b, "\n## %s\n\n", cc.CommandPath())
	if cc.Long != "" {
		b.WriteString(verbatim(cc.Long))
	} else {
		b.WriteString(cc.Short + "\n")
	}
	fmt.Fprintf(b, "\n```sh\n%s\n```\n", s.useLine(cc))
	if len(cc.Aliases) > 0 {
		fmt.Fprintf(b, "\nAlso: `%s`\n", strings.Join(cc.Aliases, "`, `"))
	}
	if flags := cc.LocalNonPersistentFlags(); len(strings.Split(flagTable(flags), "\n")) > 3 {
		b.WriteString("\n" + flagTable(flags))
	}
	if len(c.examples) > 0 {
		b.WriteString("\n```sh\n")
		for i, e := range c.examples {
			if i > 0 {
				b.WriteString("\n")
			}
			fmt.Fprintf(b, "# %s\n%s\n", e.doc.En, e.line)
		}
		b.WriteString("```\n")
	}
}

// verbatim keeps the lines of a text whose lists are aligned by spaces.
func verbatim(text string) string {
	if !strings.Contains(text, "\n  ") {
		return text + "\n"
	}
	return "```text\n" + text + "\n```\n"
}

func flagTable(set *pflag.FlagSet) string {
	var b strings.Builder
	b.WriteString("| flag | what it does |\n|---|---|\n")
	set.VisitAll(func(f *pflag.Flag) {
		if f.Name == "help" {
			return
		}
		name, doc := pflag.UnquoteUsage(f)
		flag := "--" + f.Name
		if f.Shorthand != "" {
			flag = "-" + f.Shorthand + ", " + flag
		}
		if name != "" {
			flag += " " + name
		}
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "[]" && f.DefValue != "0" {
			doc += " Default: `" + f.DefValue + "`."
		}
		fmt.Fprintf(&b, "| `%s` | %s |\n", flag, strings.ReplaceAll(doc, "|", `\|`))
	})
	return b.String()
}

func anchor(path string) string { return strings.ReplaceAll(path, " ", "-") }
