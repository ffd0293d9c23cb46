package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// command is one command of the program, or a group of them.
type command struct {
	use      string // "rename KIND/NAME NEW-NAME"
	aliases  []string
	short    lang.Text // one sentence
	long     lang.Text // what the sentence leaves out
	examples []example
	access   access
	min, max int // arguments; max -1 is any number
	hidden   bool
	flags    func(*flags)
	run      func(context.Context, *session, []string) error // nil: a group
	complete completion
	children []*command
}

// example is one line to type and what it does.
type example struct {
	doc  lang.Text
	line string
}

// access says what a command takes. In a data folder it is asked of the local
// principal before the command runs; a server asks it of whoever calls.
type access struct {
	Verb     auth.Verb
	Resource auth.Resource
	// Kinds says that the resource is each kind the arguments or files name:
	// the catalog asks again for each.
	Kinds bool
	// Offline says that no installation is touched.
	Offline bool

	makes bool // makes the data folder when it is not there
}

func onKinds(v auth.Verb) access { return access{Verb: v, Kinds: true} }

func (a access) making() access { a.makes = true; return a }

func onHouse(v auth.Verb, kind string) access {
	return access{Verb: v, Resource: auth.Resource{Kind: kind}}
}

func offline() access { return access{Verb: auth.Public, Offline: true} }

func (c *command) name() string { n, _, _ := strings.Cut(c.use, " "); return n }

// flags declares the flags of a command with their words in one language.
type flags struct {
	set  *pflag.FlagSet
	code lang.Code
	cc   *cobra.Command
}

func (f *flags) text(p *string, name, short, value string, doc lang.Text) {
	f.set.StringVarP(p, name, short, value, doc.In(f.code))
}

func (f *flags) texts(p *[]string, name, short string, doc lang.Text) {
	f.set.StringArrayVarP(p, name, short, nil, doc.In(f.code))
}

func (f *flags) yes(p *bool, name, short string, doc lang.Text) {
	f.set.BoolVarP(p, name, short, false, doc.In(f.code))
}

func (f *flags) number(p *int64, name, short string, value int64, doc lang.Text) {
	f.set.Int64VarP(p, name, short, value, doc.In(f.code))
}

// choice is a text with few values, which are checked before anything is done
// and which the shell completes.
func (f *flags) choice(p *string, name, short, value string, values []string, doc lang.Text) {
	*p = value
	list := " (" + strings.Join(values, ", ") + ")"
	f.set.VarP(&choice{p, values}, name, short, doc.In(f.code)+list)
	f.cc.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

// choice is a pflag.Value with few values.
type choice struct {
	to      *string
	allowed []string
}

func (c *choice) String() string { return *c.to }

func (c *choice) Type() string { return "word" }

func (c *choice) Set(s string) error {
	if slices.Contains(c.allowed, s) {
		*c.to = s
		return nil
	}
	u := usage("%q is not one of %s", "%q no es uno de %s", s, strings.Join(c.allowed, ", "))
	if near := catalog.Nearest(s, c.allowed); near != "" {
		return u.hinting("did you mean %s?", "¿querías decir %s?", near)
	}
	return u.hinting("choose one of them", "elige uno de ellos")
}

// say returns a text in the language of the run.
func (s *session) say(t lang.Text, args ...any) string {
	if len(args) == 0 {
		return t.In(s.code)
	}
	return fmt.Sprintf(t.In(s.code), args...)
}

// tell writes a line about the work, not its result, to the error stream.
func (s *session) tell(en, es string, args ...any) {
	fmt.Fprintln(s.Err, s.say(lang.T(en, es), args...))
}

// print writes a line of the result.
func (s *session) print(en, es string, args ...any) {
	fmt.Fprintln(s.Out, s.say(lang.T(en, es), args...))
}

var helpWords = map[string]lang.Text{
	"usage":    lang.T("USAGE", "USO"),
	"commands": lang.T("COMMANDS", "ÓRDENES"),
	"examples": lang.T("EXAMPLES", "EJEMPLOS"),
	"flags":    lang.T("FLAGS", "OPCIONES"),
	"where":    lang.T("WHERE IT ACTS", "DÓNDE ACTÚA"),
	"command":  lang.T("COMMAND", "ORDEN"),
	"options":  lang.T("[flags]", "[opciones]"),
	"default":  lang.T("(default ", "(por defecto "),
	"more":     lang.T(`%s COMMAND --help says more.`, `%s ORDEN --help dice más.`),
}

// help writes the help of a command.
func (s *session) help(cc *cobra.Command) {
	c := s.find(cc)
	if c == nil {
		return
	}
	w := s.Out
	long := cc.Long
	if long == "" {
		long = cc.Short
	}
	fmt.Fprintf(w, "%s\n\n%s\n  %s\n", long, s.say(helpWords["usage"]), s.useLine(cc))
	s.helpCommands(w, cc)
	s.helpExamples(w, c)
	section := func(word string, set *pflag.FlagSet) {
		if set.HasAvailableFlags() {
			usages := strings.ReplaceAll(set.FlagUsages(), "(default ", s.say(helpWords["default"]))
			fmt.Fprintf(w, "\n%s\n%s", s.say(helpWords[word]), usages)
		}
	}
	if cc.HasParent() {
		section("flags", cc.LocalNonPersistentFlags())
	}
	if !cc.HasParent() || c.run != nil && !c.access.Offline {
		section("where", cc.Root().PersistentFlags())
	}
}

func (s *session) useLine(cc *cobra.Command) string {
	if c := s.find(cc); cc.HasAvailableSubCommands() && (c == nil || c.run == nil) {
		return cc.CommandPath() + " " + s.say(helpWords["command"])
	}
	return cc.UseLine() + " " + s.say(helpWords["options"])
}

func (s *session) helpCommands(w io.Writer, cc *cobra.Command) {
	if !cc.HasAvailableSubCommands() {
		return
	}
	fmt.Fprintf(w, "\n%s\n", s.say(helpWords["commands"]))
	for _, child := range s.find(cc).children {
		if !child.hidden {
			fmt.Fprintf(w, "  %-13s %s\n", child.name(), child.short.In(s.code))
		}
	}
	fmt.Fprintf(w, "\n"+s.say(helpWords["more"])+"\n", cc.CommandPath())
}

func (s *session) helpExamples(w io.Writer, c *command) {
	if len(c.examples) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s\n", s.say(helpWords["examples"]))
	for i, e := range c.examples {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "  # %s\n  %s\n", e.doc.In(s.code), e.line)
	}
}

// find returns the command that cc was built from.
func (s *session) find(cc *cobra.Command) *command { return s.made[cc] }

func (s *session) helpCommand() *cobra.Command {
	return &cobra.Command{Use: "help [COMMAND]", Hidden: true, Args: cobra.ArbitraryArgs, RunE: func(cc *cobra.Command, args []string) error {
		target, rest, err := cc.Root().Find(args)
		if err != nil || len(rest) > 0 && s.find(target) != nil && s.find(target).run == nil {
			return s.group(cc.Root(), args)
		}
		s.help(target)
		return nil
	}}
}
