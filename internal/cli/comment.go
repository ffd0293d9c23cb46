package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/talk"
)

func commentCommand() *command {
	change := func(act, short, corto, when, cuando string, text bool) *command {
		var message string
		c := &command{
			use: act + " ID", short: lang.T(short, corto), examples: []example{{lang.T(when, cuando), "binnacle comment " + act + " 4kd3n2…"}},
			access: onHouse(auth.Comment, ""), min: 1, max: 1,
			run: func(ctx context.Context, s *session, args []string) error {
				return s.changeComment(ctx, act, args[0], message, text)
			},
		}
		if text {
			c.examples[0].line += " -m 'It is green after all.'"
			c.flags = func(f *flags) { messageFlag(f, &message) }
		}
		return c
	}
	return &command{
		use: "comment", aliases: []string{"comments"}, short: lang.T("Say something about a thing, and read what was said.", "Dice algo sobre una cosa, y lee lo dicho."),
		children: []*command{
			commentAddCommand(), commentListCommand(),
			change("edit", "Change a comment of one's own, within fifteen minutes.", "Cambia un comentario propio, en los primeros quince minutos.", "A slip", "Un desliz", true),
			change("correct", "Correct a comment of one's own by another.", "Corrige un comentario propio con otro.", "What was wrong", "Lo que estaba mal", true),
			change("withdraw", "Take the text of a comment back.", "Retira el texto de un comentario.", "A secret that slipped in", "Un secreto que se coló", false),
			change("resolve", "Resolve a thread, or let one's dispute rest.", "Resuelve un hilo, o da por zanjada una objeción propia.", "It is clear now", "Ya está claro", false),
			change("reopen", "Open a thread again.", "Reabre un hilo.", "It is not", "No lo está", false),
		},
	}
}

func messageFlag(f *flags, p *string) {
	f.text(p, "message", "m", "", lang.T("What to say (`TEXT`), in Markdown; from the input when not given.", "Qué decir (`TEXT`), en Markdown; de la entrada si falta."))
}

const maxMessage = talk.MaxBody + 1

// message returns the text of a flag, or reads it from the input.
func (s *session) message(text string) (string, error) {
	if text != "" || s.InTTY {
		return text, nil
	}
	data, err := io.ReadAll(io.LimitReader(s.In, maxMessage))
	return strings.TrimSpace(string(data)), err
}

func commentAddCommand() *command {
	var message, kind, reply, namespace string
	return &command{
		use: "add KIND/NAME", aliases: []string{"create"}, short: lang.T("Comment on a thing.", "Comenta una cosa."),
		long: lang.T("Comment on a thing. In the text @ana calls a person and @group:platform a group: they are told. A dispute stays open until the owner of the thing answers it in its thread.",
			"Comenta una cosa. En el texto @ana llama a una persona y @group:platform a un grupo: se les avisa. Una objeción sigue abierta hasta que el responsable de la cosa la contesta en su hilo."),
		examples: []example{
			{lang.T("Ask somebody", "Preguntar a alguien"), "binnacle comment add component/checkout -m 'Is this still so, @ana?'"},
			{lang.T("Dispute it, and answer", "Objetarlo, y contestar"), "binnacle comment add component/checkout --kind dispute -m 'The log says otherwise.'"},
			{lang.T("From a pipeline", "Desde una canalización"), "./check.sh | binnacle comment add component/checkout"},
		},
		access: onKinds(auth.Comment), min: 1, max: 2, complete: completeTargets,
		flags: func(f *flags) {
			messageFlag(f, &message)
			f.choice(&kind, "kind", "", "comment", []string{"comment", "dispute", "answer", "approval"}, lang.T("What it is", "Qué es"))
			f.text(&reply, "reply", "", "", lang.T("The comment (`ID`) it replies to.", "El comentario (`ID`) al que responde."))
			namespaceFlag(f, &namespace)
		},
		run: func(ctx context.Context, s *session, args []string) error {
			ref, err := s.one(args, namespace)
			if err != nil {
				return err
			}
			body, err := s.message(message)
			if err != nil {
				return err
			}
			at, err := s.open(ctx)
			if err != nil {
				return err
			}
			c, err := at.Comment(ctx, ref, talk.Draft{Thread: reply, Kind: talk.Kind(kind), Body: body})
			if err == nil {
				fmt.Fprintln(s.Out, c.ID)
			}
			return err
		},
	}
}

func (s *session) changeComment(ctx context.Context, act, id, message string, text bool) error {
	var err error
	if text {
		if message, err = s.message(message); err != nil {
			return err
		}
		if message == "" {
			return usage("it is not said what the comment should say", "no se dice qué debe decir el comentario").hinting("add -m TEXT", "añade -m TEXTO")
		}
	}
	at, err := s.open(ctx)
	if err != nil {
		return err
	}
	c, err := at.ChangeComment(ctx, id, act, message)
	if err == nil {
		fmt.Fprintln(s.Out, c.ID)
	}
	return err
}

func commentListCommand() *command {
	var out, namespace string
	return &command{
		use: "list KIND/NAME", aliases: []string{"ls"}, short: lang.T("Read what was said about a thing.", "Lee lo dicho sobre una cosa."),
		examples: []example{{lang.T("The whole conversation", "Toda la conversación"), "binnacle comment list component/checkout"}},
		access:   onKinds(auth.Read), min: 1, max: 2, complete: completeTargets,
		flags: func(f *flags) {
			f.choice(&out, "output", "o", "text", []string{"text", "json"}, lang.T("What to print", "Qué se imprime"))
			namespaceFlag(f, &namespace)
		},
		run: func(ctx context.Context, s *session, args []string) error {
			ref, err := s.one(args, namespace)
			if err != nil {
				return err
			}
			at, err := s.open(ctx)
			if err != nil {
				return err
			}
			list, err := at.Comments(ctx, ref)
			if err != nil {
				return err
			}
			if out == "json" {
				return writeJSON(s.Out, append([]commentLine{}, list...))
			}
			for _, c := range list {
				s.writeComment(c, "")
			}
			return nil
		},
	}
}

var commentWords = map[string]lang.Text{"dispute": lang.T("disputes this", "objeta esto"), "answer": lang.T("answers", "contesta"), "approval": lang.T("approves", "aprueba"), "comment": lang.T("says", "dice")}

// writeComment writes a comment with its replies set under it.
func (s *session) writeComment(c commentLine, by string) {
	word := commentWords[c.Kind].In(s.code)
	state := ""
	if c.Open {
		state = "bad"
	}
	fmt.Fprintf(s.Out, "%s%s %s  %s  %s\n", by, c.By, s.paint(s.OutTTY, state, word), moment(c.Created), c.ID)
	body := c.Body
	if !c.Withdrawn.IsZero() {
		body = s.say(lang.T("(withdrawn by %s)", "(retirado por %s)"), c.WithdrawnBy)
	}
	fmt.Fprintln(s.Out, indent(body, by+"  "))
	if c.Corrects != "" {
		fmt.Fprintln(s.Out, by+"  "+s.say(lang.T("(corrects %s)", "(corrige %s)"), c.Corrects))
	}
	if !c.Closed.IsZero() {
		fmt.Fprintln(s.Out, by+"  "+s.say(lang.T("(closed by %s)", "(cerrado por %s)"), c.ClosedBy))
	}
	for _, r := range c.Replies {
		s.writeComment(r, by+"    ")
	}
}

func watchCommand() *command {
	var mute, stop bool
	var out, namespace string
	return &command{
		use: "watch KIND/NAME", short: lang.T("Be told what happens to a thing, or not.", "Recibe avisos de lo que le pase a una cosa, o no."),
		long: lang.T("Be told what happens to a thing. Owners, people it is assigned to and those who took part are told by themselves; --mute keeps all but mentions away, and --stop forgets what was chosen.",
			"Recibe avisos de lo que le pase a una cosa. A responsables, asignados y participantes se les avisa sin más; --mute deja solo las menciones, y --stop olvida lo elegido."),
		examples: []example{
			{lang.T("Watch", "Seguir"), "binnacle watch component/checkout"},
			{lang.T("Be left in peace", "Que no me avisen"), "binnacle watch component/checkout --mute"},
		},
		access: onKinds(auth.Self), min: 1, max: 2, complete: completeTargets,
		flags: func(f *flags) {
			f.yes(&mute, "mute", "", lang.T("Be told only of mentions.", "Avisa solo de menciones."))
			f.yes(&stop, "stop", "", lang.T("Forget what was chosen.", "Olvida lo elegido."))
			tableFlag(f, &out)
			namespaceFlag(f, &namespace)
		},
		run: func(ctx context.Context, s *session, args []string) error {
			ref, err := s.one(args, namespace)
			if err != nil {
				return err
			}
			state := "watching"
			switch {
			case mute && stop:
				return usage("--mute and --stop exclude each other", "--mute y --stop se excluyen").hinting("give one of them", "da una de las dos")
			case mute:
				state = "muted"
			case stop:
				state = "default"
			}
			at, err := s.open(ctx)
			if err != nil {
				return err
			}
			w, err := at.Watch(ctx, ref, state)
			if err != nil {
				return err
			}
			if out == "json" {
				return writeJSON(s.Out, w)
			}
			if w.On {
				s.print("You are told what happens to %s", "Se te avisa de lo que le pase a %s", ref.Short())
			} else {
				s.print("You are not told what happens to %s", "No se te avisa de lo que le pase a %s", ref.Short())
			}
			return nil
		},
	}
}

func attachCommand() *command {
	return &command{
		use: "attach", aliases: []string{"attachment", "attachments"}, short: lang.T("Attach files to a thing, and take them out again.", "Adjunta ficheros a una cosa, y los recupera."),
		children: []*command{attachAddCommand(), attachListCommand(), attachGetCommand(), attachRemoveCommand()},
	}
}

func attachAddCommand() *command {
	var namespace, name string
	return &command{
		use: "add KIND/NAME FILE…", short: lang.T("Attach files.", "Adjunta ficheros."),
		long:     lang.T("Attach files to a thing. Their content is kept under its SHA-256, which is printed.", "Adjunta ficheros a una cosa. Su contenido se guarda por su SHA-256, que se imprime."),
		examples: []example{{lang.T("Evidence of a restore", "Prueba de una restauración"), "binnacle attach add component/checkout restore-2027-01.log"}},
		access:   onKinds(auth.Comment), min: 2, max: -1,
		flags: func(f *flags) {
			f.text(&name, "as", "", "", lang.T("The name (`NAME`) it is attached by; for one file, or the input (-).", "El nombre (`NAME`) con que se adjunta; para un fichero, o la entrada (-)."))
			namespaceFlag(f, &namespace)
		},
		run: func(ctx context.Context, s *session, args []string) error {
			ref, err := s.one(args[:1], namespace)
			if err != nil {
				return err
			}
			at, err := s.open(ctx)
			if err != nil {
				return err
			}
			if name != "" && len(args) > 2 {
				return usage("--as names one file, not %d", "--as nombra un fichero, no %d", len(args)-1).hinting("attach them one by one", "adjúntalos de uno en uno")
			}
			for _, path := range args[1:] {
				a, err := s.attach(ctx, at, ref, path, name)
				if err != nil {
					return err
				}
				fmt.Fprintf(s.Out, "%s  %s  %s\n", a.ID, a.SHA256, a.Name)
			}
			return nil
		},
	}
}

// attach attaches the file at a path, or the input.
func (s *session) attach(ctx context.Context, at *installation, ref entity.Ref, path, name string) (fileLine, error) {
	if path == "-" {
		return at.Attach(ctx, ref, cmp.Or(name, "input"), s.In)
	}
	f, err := os.Open(path)
	if err != nil {
		return fileLine{}, noFile(path, err)
	}
	defer f.Close()
	return at.Attach(ctx, ref, cmp.Or(name, filepath.Base(path)), f)
}

func attachListCommand() *command {
	var out, namespace string
	return &command{
		use: "list KIND/NAME", aliases: []string{"ls"}, short: lang.T("List what is attached to a thing.", "Enumera lo adjunto a una cosa."),
		examples: []example{{lang.T("With hashes", "Con sus huellas"), "binnacle attach list component/checkout"}},
		access:   onKinds(auth.Read), min: 1, max: 2, complete: completeTargets,
		flags: func(f *flags) {
			tableFlag(f, &out)
			namespaceFlag(f, &namespace)
		},
		run: func(ctx context.Context, s *session, args []string) error {
			ref, err := s.one(args, namespace)
			if err != nil {
				return err
			}
			at, err := s.open(ctx)
			if err != nil {
				return err
			}
			list, err := at.Attachments(ctx, ref)
			if err != nil {
				return err
			}
			if out == "json" {
				return writeJSON(s.Out, append([]fileLine{}, list...))
			}
			t := &table{head: s.heads(lang.T("Id", "Id"), lang.T("Name", "Nombre"), lang.T("Size", "Tamaño"), lang.T("Type", "Tipo"), lang.T("By", "De"), lang.T("When", "Cuándo"), lang.T("SHA-256", "SHA-256"))}
			for _, a := range list {
				name := plain(a.Name)
				if !a.Removed.IsZero() {
					name = cell{a.Name + s.say(lang.T(" (removed by %s)", " (lo quitó %s)"), a.RemovedBy), "idle"}
				}
				t.add(plain(a.ID), name, plain(lang.Bytes(s.code, a.Size)), plain(a.Type), plain(a.By), plain(moment(a.Created)), plain(a.SHA256))
			}
			return s.write(t)
		},
	}
}

func attachGetCommand() *command {
	var file string
	return &command{
		use: "get ID", aliases: []string{"download"}, short: lang.T("Write an attached file out.", "Escribe un fichero adjunto."),
		examples: []example{{lang.T("Into a file", "En un fichero"), "binnacle attach get 4kd3n2… --file restore.log"}},
		access:   onHouse(auth.Read, ""), min: 1, max: 1,
		flags: func(f *flags) {
			f.text(&file, "file", "", "", lang.T("Where to write it (`FILE`); the output when not given.", "Dónde escribirlo (`FILE`); la salida si falta."))
		},
		run: func(ctx context.Context, s *session, args []string) error {
			at, err := s.open(ctx)
			if err != nil {
				return err
			}
			if file == "" {
				return at.Download(ctx, args[0], s.Out)
			}
			return wholeFile(file, func(w io.Writer) error { return at.Download(ctx, args[0], w) })
		},
	}
}

func attachRemoveCommand() *command {
	return &command{
		use: "remove ID…", aliases: []string{"rm", "delete"}, short: lang.T("Remove attached files; name and hash stay.", "Quita ficheros adjuntos; el nombre y la huella se quedan."),
		examples: []example{{lang.T("One that should not be there", "Uno que no debería estar"), "binnacle attach remove 4kd3n2…"}},
		access:   onHouse(auth.Comment, ""), min: 1, max: -1,
		run: func(ctx context.Context, s *session, args []string) error {
			at, err := s.open(ctx)
			if err != nil {
				return err
			}
			for _, id := range args {
				if err := at.Detach(ctx, id); err != nil {
					return err
				}
				s.print("%s removed", "%s quitado", id)
			}
			return nil
		},
	}
}
