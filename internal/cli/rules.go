package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/binnaclehq/binnacle/content"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/detect"
	"github.com/binnaclehq/binnacle/internal/detect/live"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/sigma"
	"github.com/binnaclehq/binnacle/sigma/correlate"
	"github.com/binnaclehq/binnacle/sigma/navigator"
)

func rulesCommand() *command {
	return &command{
		use: "rules", short: lang.T("Check Sigma rules, test them, and see what they cover.", "Comprueba reglas Sigma, pruébalas y mira qué cubren."),
		children: []*command{rulesCheckCommand(), rulesTestCommand(), rulesCoverageCommand(), rulesCanaryCommand()},
	}
}

// loadRules reads rules; without paths the built-in detections.
func loadRules(paths []string) (*sigma.Collection, error) {
	if len(paths) == 0 {
		return sigma.LoadFS(content.Detections, "detections")
	}
	c, err := sigma.Load(paths...)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, failed(exitNotFound, "the rules cannot be read: %v", "no se pueden leer las reglas: %v", err).hinting("check the path", "revisa la ruta")
	}
	if err != nil {
		return nil, failed(exitFailed, "the rules cannot be read: %v", "no se pueden leer las reglas: %v", err).hinting("check who may read them, and that archives are whole", "revisa quién puede leerlas y que los archivos comprimidos estén enteros")
	}
	if len(c.Rules)+len(c.Correlations)+len(c.Filters)+len(c.Problems) == 0 {
		return nil, failed(exitFailed, "there is no rule", "no hay ninguna regla").hinting("name files, folders or archives of rules", "nombra ficheros, carpetas o archivos de reglas")
	}
	return c, nil
}

// flaw is something wrong with a rule, as check prints it.
type flaw struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Code    string `json:"code"`
	Message string `json:"message"`
	Fix     string `json:"fix,omitempty"`
	Refused bool   `json:"refused"` // the document is not loaded
}

func rulesCheckCommand() *command {
	var out string
	return &command{
		use: "check [PATH…]", short: lang.T("Say what is wrong with rules, and what could be better.", "Dice qué está mal en las reglas y qué se puede mejorar."),
		long: lang.T(`Say what is wrong with rules, correlations and filters: what cannot be loaded, with file, line
and the fix, and what loads but lacks something that others look for. Without a path it is
of the built-in detections.`,
			`Dice qué está mal en reglas, correlaciones y filtros: lo que no se puede cargar, con fichero,
línea y arreglo, y lo que se carga pero le falta algo que otros buscan. Sin ruta es de las
detecciones incluidas.`),
		examples: []example{{lang.T("Before a commit", "Antes de un commit"), "binnacle rules check rules/"}},
		access:   offline(), min: 0, max: -1,
		flags: func(f *flags) {
			f.choice(&out, "output", "o", "table", []string{"table", "json"}, lang.T("What to print", "Qué se imprime"))
		},
		run: func(_ context.Context, s *session, args []string) error {
			c, err := loadRules(args)
			if err != nil {
				return err
			}
			return s.tellFlaws(out, c)
		},
	}
}

func (s *session) tellFlaws(out string, c *sigma.Collection) error {
	flaws := []flaw{}
	note := func(p sigma.Problem, refused bool) {
		flaws = append(flaws, flaw{p.File, p.Line, p.Code, p.Message, p.Fix, refused})
	}
	_, uncounted := correlate.Compile(c.Rules, c.Correlations)
	c.Problems = append(c.Problems, uncounted...)
	for _, p := range c.Problems {
		note(p, true)
	}
	for _, p := range c.Check() {
		note(p, false)
	}
	for _, p := range c.Skipped {
		s.tell("not a rule: %s", "no es una regla: %s", oneLine(p.Error(), 0))
	}
	if out == "json" {
		if err := writeJSON(s.Out, flaws); err != nil {
			return err
		}
	} else {
		for _, f := range flaws {
			word, state := lang.T("better:", "mejor:"), "warn"
			if f.Refused {
				word, state = lang.T("refused:", "rechazada:"), "bad"
			}
			line := fmt.Sprintf("%s:%d: %s", f.File, f.Line, f.Message)
			if f.Fix != "" {
				line += "; " + f.Fix
			}
			fmt.Fprintf(s.Out, "%s %s\n", s.paint(s.OutTTY, state, s.say(word)), oneLine(line, 0))
		}
	}
	s.tell("%d rules, %d correlations, %d filters loaded; %d problem(s), %d could be better", "%d reglas, %d correlaciones, %d filtros cargados; %d problema(s), %d mejorables",
		len(c.Rules), len(c.Correlations), len(c.Filters), len(c.Problems), len(flaws)-len(c.Problems))
	if n := len(c.Problems); n > 0 {
		return failed(exitFailed, "not everything can be loaded: %d problem(s)", "no todo se puede cargar: %d problema(s)", n).hinting("each is named above with its fix", "cada uno se nombra arriba con su arreglo")
	}
	return nil
}

func rulesTestCommand() *command {
	return &command{
		use: "test DIR…", short: lang.T("Run the examples beside rules.", "Pasa los ejemplos que hay junto a las reglas."),
		long: lang.T(`Run the examples beside rules: in each folder that has them, every event of hits.jsonl must
match a rule of the folder, and none of misses.jsonl may. Where the folder has a correlation,
it must hold over the hits together, and must not over the misses.`,
			`Pasa los ejemplos que hay junto a las reglas: en cada carpeta que los tiene, todo evento de
hits.jsonl debe coincidir con una regla de la carpeta, y ninguno de misses.jsonl. Si la carpeta
tiene una correlación, debe cumplirse sobre los aciertos juntos y no sobre los fallos.`),
		examples: []example{{lang.T("All rules of a folder", "Todas las reglas de una carpeta"), "binnacle rules test rules/"}},
		access:   offline(), min: 1, max: -1,
		run: func(_ context.Context, s *session, args []string) error {
			rules, events, bad := 0, 0, 0
			for _, dir := range args {
				if info, err := os.Stat(dir); err != nil || !info.IsDir() {
					return failed(exitNotFound, "%s is no folder", "%s no es una carpeta", dir).because(err).hinting("name a folder with rules and their examples", "nombra una carpeta con reglas y sus ejemplos")
				}
				tested, err := detect.Examples(os.DirFS(dir), ".")
				if err != nil {
					return err
				}
				for _, t := range tested {
					rules, events, bad = rules+t.Rules, events+t.Hits+t.Misses, bad+len(t.Failures)
					for _, f := range t.Failures {
						f.File = filepath.Join(dir, f.File)
						fmt.Fprintf(s.Out, "%s %s\n", s.paint(s.OutTTY, "bad", s.say(lang.T("wrong:", "mal:"))), oneLine(f.String(), 0))
					}
				}
			}
			s.tell("%d rules, %d examples, %d wrong", "%d reglas, %d ejemplos, %d mal", rules, events, bad)
			switch {
			case bad > 0:
				return failed(exitFailed, "%d example(s) came out otherwise", "%d ejemplo(s) salieron distintos", bad).hinting("correct the rule, or move the event to the other file", "corrige la regla o pasa el evento al otro fichero")
			case events == 0:
				return failed(exitFailed, "no folder has examples", "ninguna carpeta tiene ejemplos").hinting("write hits.jsonl and misses.jsonl beside a rule", "escribe hits.jsonl y misses.jsonl junto a una regla")
			}
			return nil
		},
	}
}

func rulesCoverageCommand() *command {
	var out, name string
	return &command{
		use: "coverage [PATH…]", short: lang.T("Write which ATT&CK techniques rules look for.", "Escribe qué técnicas de ATT&CK buscan las reglas."),
		long: lang.T("Write which techniques of MITRE ATT&CK rules are tagged with, and how many rules there are for each: a table, or a layer that the ATT&CK Navigator opens. Without a path, of the built-in detections.",
			"Escribe con qué técnicas de MITRE ATT&CK están marcadas las reglas y cuántas hay de cada una: una tabla, o una capa que abre el ATT&CK Navigator. Sin ruta, de las detecciones incluidas."),
		examples: []example{{lang.T("A layer for the Navigator", "Una capa para el Navigator"), "binnacle rules coverage rules/ -o layer > coverage.json"}},
		access:   offline(), min: 0, max: -1,
		flags: func(f *flags) {
			f.choice(&out, "output", "o", "table", []string{"table", "json", "layer"}, lang.T("What to print", "Qué se imprime"))
			f.text(&name, "name", "", "Sigma rules", lang.T("`NAME` of the layer.", "Nombre (`NAME`) de la capa."))
		},
		run: func(_ context.Context, s *session, args []string) error {
			c, err := loadRules(args)
			if err != nil {
				return err
			}
			s.tellProblems(c.Problems)
			if err := s.tellCoverage(out, name, navigator.Techniques(c.Rules)); err != nil {
				return err
			}
			if n := len(c.Problems); n > 0 {
				return failed(exitPartly, "not all rules are counted: %d problem(s)", "no se cuentan todas las reglas: %d problema(s)", n).hinting("each is named above with its fix", "cada uno se nombra arriba con su arreglo")
			}
			return nil
		},
	}
}

func (s *session) tellCoverage(out, name string, list []navigator.Technique) error {
	switch out {
	case "layer":
		data, err := navigator.Layer(name, list)
		if err == nil {
			_, err = fmt.Fprintf(s.Out, "%s\n", data)
		}
		return err
	case "json":
		return writeJSON(s.Out, list)
	}
	t := &table{head: s.heads(lang.T("Technique", "Técnica"), lang.T("Rules", "Reglas"), lang.T("First", "Primera"))}
	for _, x := range list {
		t.texts(x.ID, fmt.Sprint(len(x.Rules)), oneLine(x.Rules[0], maxTitle))
	}
	if len(list) == 0 {
		s.tell("No rule is tagged with a technique.", "Ninguna regla está marcada con una técnica.")
		return nil
	}
	return s.write(t)
}

func rulesCanaryCommand() *command {
	return &command{
		use: "canary", short: lang.T("Prove that a server finds what its rules are for.", "Prueba que un servidor encuentra lo que buscan sus reglas."),
		long: lang.T(`Send the examples of the built-in rules to a server, marked as canaries, through the door
that all events come in by. A rule that finds its own is proven: its page and the measures
say so. No alert is made of canaries. A server does the same by itself once a week.

It takes a token of a person with the scope ingest, which the account page makes: that of
binnacle login has it not.`,
			`Envía a un servidor los ejemplos de las reglas incluidas, marcados como canarios, por la
puerta por la que entran todos los eventos. Una regla que encuentra el suyo queda probada: lo
dicen su página y las medidas. Los canarios no crean alertas. Un servidor hace lo mismo por sí
solo una vez por semana.

Necesita un token de una persona con el alcance ingest, que se crea en la página de la cuenta:
el de binnacle login no lo tiene.`),
		examples: []example{{lang.T("After an upgrade", "Tras una actualización"), "binnacle rules canary --server https://binnacle.example"}},
		access:   access{Verb: auth.Ingest},
		run: func(ctx context.Context, s *session, _ []string) error {
			at, err := s.open(ctx)
			if err != nil {
				return err
			}
			if at.far == nil {
				return usage("canaries are sent to a running server", "los canarios se envían a un servidor en marcha").hinting("give --server URL", "da --server URL")
			}
			batch, without, err := live.New(live.Config{Builtin: content.Detections, Root: "detections"}).Canaries(ctx, "")
			if err != nil {
				return err
			}
			var lines bytes.Buffer
			for _, r := range batch.Records {
				lines.Write(append(r.Data, '\n'))
			}
			if err := at.far.ingest(ctx, live.CanarySource, &lines); err != nil {
				return err
			}
			s.tell("%d canaries were sent; %d rules have no example", "se enviaron %d canarios; %d reglas no tienen ejemplo", len(batch.Records), len(without))
			return nil
		},
	}
}
