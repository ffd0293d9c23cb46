// Package cli is the face for terminals: the commands of binnacle, with the
// habits of kubectl and gh.
//
// A command is data (see command): its words in both languages, its examples,
// the verb it takes, its flags and what it runs. From that come the program,
// its help, the reference (WriteReference) and the table of who may run what
// (Commands).
//
// Commands act on an installation: a server over REST, or a data folder that no
// server holds. They see it through three small interfaces (installation.go),
// so that each is written once. What they need of the program itself comes in
// from outside as a Program.
package cli

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// Streams are what a run reads and writes, and what it knows of its terminal.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
	Env      func(string) string // os.Getenv
	// Whether each is a person at a terminal. Without one nothing is asked,
	// coloured or drawn twice.
	InTTY, OutTTY, ErrTTY bool
}

// Main runs the program with the process's own arguments and streams and
// returns its exit code. An interrupt ends it in order; a second one at once.
func Main(p Program) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	return Run(ctx, p, Streams{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Env: os.Getenv,
		InTTY: term.IsTerminal(int(os.Stdin.Fd())), OutTTY: term.IsTerminal(int(os.Stdout.Fd())), ErrTTY: term.IsTerminal(int(os.Stderr.Fd())),
	}, os.Args[1:])
}

// Run runs one command and returns its exit code. What it says in words follows
// LC_ALL, LC_MESSAGES and LANG, as "es_ES.UTF-8".
func Run(ctx context.Context, p Program, io Streams, args []string) int {
	s := &session{Program: p, Streams: io, code: language(io.Env), now: time.Now, done: ctx.Done(), made: map[*cobra.Command]*command{}}
	s.place = placeFrom(io.Env)
	root := s.build(s.root())
	s.top = root
	root.SetContext(ctx)
	root.SetArgs(args)
	root.SetIn(io.In)
	root.SetOut(io.Out)
	root.SetErr(io.Err)
	err := root.Execute()
	err = errors.Join(err, s.close())
	if ctx.Err() != nil && err != nil {
		err = errInterrupted
	}
	return s.finish(err)
}

// session is one run of the program.
type session struct {
	Program
	Streams
	code  lang.Code
	now   func() time.Time
	place place
	made  map[*cobra.Command]*command
	top   *cobra.Command
	at    *installation   // what it acts on, once opened
	runs  *command        // the command that runs
	done  <-chan struct{} // closed by an interrupt
	lines *bufio.Reader   // of In, once something was asked
}

func language(env func(string) string) lang.Code {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if v := env(name); v != "" {
			base, _, _ := strings.Cut(strings.ToLower(v), "_")
			base, _, _ = strings.Cut(base, ".")
			code, _ := lang.Parse(base)
			return code
		}
	}
	return lang.English
}

// root is the program itself; its children in the groups of the help.
func (s *session) root() *command {
	return &command{
		use: "binnacle", short: lang.T("The operating system of a technology organisation.", "El sistema operativo de una organización tecnológica."),
		long: lang.T(`Binnacle keeps what a technology organisation decides, runs and proves.

Commands act on a running server (--server URL, or the one of "binnacle login")
or on a data folder that no server holds (--data DIR).

EXIT CODES
  0  done
  1  failed; of diff: something differs
  2  the command was not understood
  3  done in part; the rest is reported
  4  there is no such thing
  5  refused: sign in, or ask somebody whose role may
  6  in conflict with what somebody else did`,
			`Binnacle guarda lo que una organización tecnológica decide, opera y demuestra.

Las órdenes actúan sobre un servidor en marcha (--server URL, o el de
"binnacle login") o sobre una carpeta de datos que ningún servidor usa
(--data DIR).

CÓDIGOS DE SALIDA
  0  hecho
  1  falló; en diff: algo difiere
  2  no se entendió la orden
  3  hecho en parte; se informa del resto
  4  no existe
  5  rechazado: inicia sesión, o pídelo a quien tenga la función
  6  en conflicto con lo que hizo otra persona`),
		examples: []example{
			{lang.T("Look around with a sample organisation", "Echar un vistazo con una organización de ejemplo"), "binnacle demo"},
			{lang.T("Keep your own", "Guardar la tuya"), "binnacle serve --data ./data"},
			{lang.T("Put files into it", "Poner ficheros en ella"), "binnacle apply -f ./catalog --data ./data"},
		},
		flags: s.place.flags,
		children: []*command{
			serveCommand(), demoCommand(), todayCommand(), inboxCommand(),
			applyCommand(), getCommand(), describeCommand(), searchCommand(), editCommand(), deleteCommand(), renameCommand(), revertCommand(),
			diffCommand(), explainCommand(), historyCommand(),
			importCommand(s.Importers), exportCommand(s.Exporters), claimsCommand(), measuresCommand(),
			huntCommand(), detectCommand(), rulesCommand(), alertsCommand(),
			commentCommand(), watchCommand(), attachCommand(), webhookCommand(),
			loginCommand(), logoutCommand(), userCommand(), tokenCommand(), secretCommand(), auditCommand(),
			backupCommand(), restoreCommand(), keyCommand(), doctorCommand(), mcpCommand(), completionCommand(), versionCommand(),
		},
	}
}

// Access says what one command takes.
type Access struct {
	Command  string // "token create"
	Verb     auth.Verb
	Resource auth.Resource
	Kinds    bool // the resource is each kind that the arguments or files name
	Offline  bool // no installation is touched
}

// Commands lists every command that does something, with the verb it takes.
func Commands(p Program) []Access {
	s := &session{Program: p, Streams: Streams{Env: func(string) string { return "" }}}
	var out []Access
	var visit func(path string, c *command)
	visit = func(path string, c *command) {
		path = strings.TrimSpace(path + " " + c.name())
		if c.run != nil {
			out = append(out, Access{path, c.access.Verb, c.access.Resource, c.access.Kinds, c.access.Offline})
		}
		for _, child := range c.children {
			visit(path, child)
		}
	}
	for _, c := range s.root().children {
		visit("", c)
	}
	return out
}

// build makes the cobra command of c.
func (s *session) build(c *command) *cobra.Command {
	cc := &cobra.Command{
		Use: c.use, Aliases: c.aliases, Short: c.short.In(s.code), Long: c.long.In(s.code), Hidden: c.hidden,
		SilenceErrors: true, SilenceUsage: true, DisableFlagsInUseLine: true, Args: cobra.ArbitraryArgs,
		RunE: func(cc *cobra.Command, args []string) error { return s.execute(cc, c, args) },
	}
	cc.CompletionOptions.DisableDefaultCmd = true
	cc.SetFlagErrorFunc(s.flagError)
	cc.SetHelpFunc(func(cc *cobra.Command, _ []string) { s.help(cc) })
	cc.SetHelpCommand(s.helpCommand())
	if c.flags != nil {
		set := cc.Flags()
		if c.name() == "binnacle" {
			set = cc.PersistentFlags()
		}
		c.flags(&flags{set, s.code, cc})
	}
	cc.ValidArgsFunction = s.completer(c)
	for _, child := range c.children {
		cc.AddCommand(s.build(child))
	}
	cc.Flags().BoolP("help", "h", false, s.say(lang.T("Help for this command.", "Ayuda de esta orden.")))
	s.made[cc] = c
	return cc
}

// execute runs c, or says which commands a group has.
func (s *session) execute(cc *cobra.Command, c *command, args []string) error {
	s.runs = c
	if c.run == nil {
		return s.group(cc, args)
	}
	if n := len(args); n < c.min || c.max >= 0 && n > c.max {
		return s.argCount(cc, c, args)
	}
	return c.run(cc.Context(), s, args)
}

func (s *session) group(cc *cobra.Command, args []string) error {
	if len(args) == 0 {
		s.help(cc)
		return nil
	}
	err := usage("unknown command %q for %q", "no hay una orden %q en %q", args[0], cc.CommandPath())
	cc.SuggestionsMinimumDistance = 2
	if near := cc.SuggestionsFor(args[0]); len(near) > 0 {
		return err.hinting("did you mean %q?", "¿querías decir %q?", cc.CommandPath()+" "+near[0])
	}
	return err.hinting("%s --help lists the commands", "%s --help las enumera", cc.CommandPath())
}

func (s *session) argCount(cc *cobra.Command, c *command, args []string) error {
	err := usage("%s needs more arguments", "%s necesita más argumentos", cc.CommandPath())
	if len(args) >= c.min {
		err = usage("%s takes at most %d argument(s), not %d", "%s admite como mucho %d argumento(s), no %d", cc.CommandPath(), c.max, len(args))
	}
	return err.hinting("usage: %s; %s --help has examples", "uso: %s; %s --help tiene ejemplos", cc.UseLine(), cc.CommandPath())
}

func (s *session) close() error {
	if s.at == nil || s.at.close == nil {
		return nil
	}
	at := s.at
	s.at = nil
	return at.close()
}
