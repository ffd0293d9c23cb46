package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/lang"
)

func claimsCommand() *command {
	return &command{
		use: "claims", aliases: []string{"claim"}, short: lang.T("See what is claimed and its evidence, test it, and prove it.", "Mira lo que se afirma y su evidencia, pruébalo y demuéstralo."),
		children: []*command{claimsList(), claimsShow(), claimsRuns(), claimsTest(), claimsRun(), claimsReplay(), claimsAttest(), claimsType(), claimsVerify(), claimsKey()},
	}
}

// claimRef reads what names a claim: a name alone is that of a claim.
func (s *session) claimRef(text string) (entity.Ref, error) {
	if !strings.ContainsAny(text, ":/") {
		text = "claim:" + text
	}
	return s.ref(text, "")
}

// openClaim opens an installation for a command about one claim.
func (s *session) openClaim(ctx context.Context, text string) (*installation, entity.Ref, error) {
	ref, err := s.claimRef(text)
	if err != nil {
		return nil, ref, err
	}
	at, err := s.open(ctx)
	return at, ref, err
}

// stateCell is a state with its colour.
func stateCell(st claim.State) cell {
	class := st.Class()
	if class == "no" {
		class = "idle"
	}
	return cell{string(st), class}
}

func verdictCell(v claim.Verdict) cell {
	return cell{string(v), map[claim.Verdict]string{claim.Pass: "ok", claim.Fail: "bad", claim.NoData: "idle", claim.Failed: "warn"}[v]}
}

var healthStates = map[claim.Health]string{claim.Live: "ok", claim.Stale: "warn", claim.Missing: "idle", claim.Against: "bad"}

// found is what a run found, in one figure.
func (s *session) found(sc claim.Scale, r *claim.Run) string {
	switch {
	case r.Value != nil:
		return sc.Write(*r.Value, s.code)
	case r.N >= 0:
		return fmt.Sprintf("%d/%d", r.N-r.Exceptions, r.N)
	}
	return ""
}

// listingClaims is the flags of claims list.
type listingClaims struct {
	states               []string
	room, owner, subject string
	kinds                []string
	out                  string
}

func claimsList() *command {
	var l listingClaims
	return &command{
		use: "list", aliases: []string{"ls"}, short: lang.T("List claims, the worst state first.", "Enumera las afirmaciones, primero las peores."),
		long: lang.T("List everything that bears a claim: claims, measures, key results. On a data folder the tests that are due are run first.",
			"Enumera todo lo que lleva una afirmación: afirmaciones, medidas, resultados clave. En una carpeta de datos se ejecutan antes las pruebas pendientes."),
		examples: []example{
			{lang.T("What is contradicted or lacks evidence", "Lo contradicho o sin evidencia"), "binnacle claims list --state contradicted --state unsupported"},
			{lang.T("What is claimed of a service", "Lo que se afirma de un servicio"), "binnacle claims list --subject component:checkout"},
		},
		access: access{Verb: auth.Read},
		flags: func(f *flags) {
			f.texts(&l.states, "state", "", lang.T("Only in this `state`: supported, weak, unsupported, contradicted, disputed; repeat for several.", "Solo en este estado (`state`): supported, weak, unsupported, contradicted, disputed; repítela para varios."))
			f.texts(&l.kinds, "kind", "", lang.T("Only of this `kind`, as measure; repeat for several.", "Solo de esta clase (`kind`), como measure; repítela para varias."))
			f.text(&l.room, "room", "", "", lang.T("Only of this `room`.", "Solo de esta sala (`room`)."))
			f.text(&l.owner, "owner", "", "", lang.T("Only with this owner (`group`), as group:platform.", "Solo de este responsable (`group`), como group:platform."))
			f.text(&l.subject, "subject", "", "", lang.T("Only about this `thing`, as component:checkout.", "Solo sobre esta cosa (`thing`), como component:checkout."))
			tableFlag(f, &l.out)
		},
		run: l.run,
	}
}

func (l *listingClaims) filter(s *session) (claim.Filter, error) {
	f := claim.Filter{Room: l.room}
	for _, text := range l.states {
		st := claim.State(text)
		if st.Class() == "" {
			u := usage("%q is no state of a claim", "%q no es un estado de una afirmación", text)
			if near := catalog.Nearest(text, []string{"supported", "weak", "unsupported", "contradicted", "disputed"}); near != "" {
				return f, u.hinting("did you mean %s?", "¿querías decir %s?", near)
			}
			return f, u.hinting("it is supported, weak, unsupported, contradicted or disputed", "es supported, weak, unsupported, contradicted o disputed")
		}
		f.States = append(f.States, st)
	}
	for _, name := range l.kinds {
		k, err := s.Kinds.Find(name)
		if err != nil {
			return f, err
		}
		f.Kinds = append(f.Kinds, k.Name)
	}
	for text, to := range map[string]*string{l.owner: &f.Owner, l.subject: &f.Subject} {
		if text == "" {
			continue
		}
		kind := ""
		if to == &f.Owner {
			kind = "group"
		}
		ref, err := entity.ParseRef(text, kind, "")
		if err != nil {
			return f, usage("%q names nothing", "%q no nombra nada", text).hinting("write kind:name, as component:checkout", "escribe clase:nombre, como component:checkout")
		}
		*to = ref.String()
	}
	return f, nil
}

func (l *listingClaims) run(ctx context.Context, s *session, _ []string) error {
	f, err := l.filter(s)
	if err != nil {
		return err
	}
	at, err := s.open(ctx)
	if err != nil {
		return err
	}
	list, err := at.Claims(ctx, f)
	if err != nil {
		return err
	}
	if l.out == "json" {
		return writeJSON(s.Out, append([]claim.Told{}, list...))
	}
	t := &table{head: s.heads(lang.T("State", "Estado"), lang.T("Claim", "Afirmación"), lang.T("Statement", "Enunciado"), lang.T("Value", "Valor"), lang.T("Since", "Desde"), lang.T("Why", "Por qué"))}
	for _, c := range list {
		value := ""
		if c.Value != nil {
			value = c.Scale.Write(*c.Value, s.code)
		}
		t.add(stateCell(c.State), plain(short(c.Ref)), plain(oneLine(c.Statement, 60)), plain(value), plain(s.ago(c.Since)), plain(oneLine(c.Why, 80)))
	}
	return s.write(t)
}

func claimsShow() *command {
	var out string
	var run int64
	return &command{
		use: "show CLAIM", short: lang.T("Show a claim with its evidence, or one of its runs.", "Muestra una afirmación con su evidencia, o una de sus ejecuciones."),
		examples: []example{
			{lang.T("A claim", "Una afirmación"), "binnacle claims show services-owned"},
			{lang.T("One run of a measure, with its question and answer", "Una ejecución de una medida, con su pregunta y respuesta"), "binnacle claims show measure:services-described --run 12"},
		},
		access: access{Verb: auth.Read}, min: 1, max: 1,
		flags: func(f *flags) {
			f.number(&run, "run", "", 0, lang.T("This run (`N`) with its question, its answer and its place in the chain.", "Esta ejecución (`N`) con su pregunta, su respuesta y su lugar en la cadena."))
			f.choice(&out, "output", "o", "text", []string{"text", "json"}, lang.T("What to print", "Qué se imprime"))
		},
		run: func(ctx context.Context, s *session, args []string) error {
			at, ref, err := s.openClaim(ctx, args[0])
			if err != nil {
				return err
			}
			if run > 0 {
				return s.showRun(ctx, at, ref, run, out)
			}
			c, err := at.Claim(ctx, ref)
			if err != nil {
				return err
			}
			if out == "json" {
				return writeJSON(s.Out, c)
			}
			return s.writeClaim(c)
		},
	}
}

func (s *session) writeClaim(c *claim.Told) error {
	fmt.Fprintln(s.Out, printable(c.Statement))
	fmt.Fprintf(s.Out, "%s: %s\n", s.paint(s.OutTTY, stateCell(c.State).state, string(c.State)), printable(c.Why))
	if c.Value != nil {
		s.print("Value: %s, as of %s", "Valor: %s, a fecha de %s", c.Scale.Write(*c.Value, s.code), moment(c.AsOf))
	}
	for _, d := range c.Doubts {
		s.print("Leans on %s, which is %s", "Se apoya en %s, que está %s", short(d.Ref), d.State)
	}
	fmt.Fprintln(s.Out)
	t := &table{head: s.heads(lang.T("Test", "Prueba"), lang.T("Evidence", "Evidencia"), lang.T("Verdict", "Veredicto"), lang.T("Value", "Valor"), lang.T("As of", "A fecha de"), lang.T("Run", "Ejecución"), lang.T("Note", "Nota"))}
	for _, ev := range c.Evidence {
		row := []cell{plain(ev.Test), {string(ev.Health), healthStates[ev.Health]}}
		if r := ev.Last; r != nil {
			note := r.Reason
			if r.ExcusedBy != "" {
				note = r.ExcusedBy
			}
			if r.By != "" {
				note = strings.TrimSpace(r.By + " " + note)
			}
			row = append(row, verdictCell(r.Verdict), plain(s.found(ev.Scale, r)), plain(moment(r.AsOf)), plain(strconv.FormatInt(r.Seq, 10)), plain(oneLine(note, 80)))
		}
		for len(row) < 7 {
			row = append(row, plain("-"))
		}
		t.add(row...)
	}
	return s.write(t)
}

func (s *session) showRun(ctx context.Context, at *installation, ref entity.Ref, seq int64, out string) error {
	r, err := at.Run(ctx, ref, seq)
	if err != nil {
		return err
	}
	if out == "json" {
		return writeJSON(s.Out, r)
	}
	s.print("Run %d of %s, test %s: %s", "Ejecución %d de %s, prueba %s: %s", r.Seq, ref.Short(), r.Test, r.Verdict)
	s.print("About %s, carried out %s because of %s", "Sobre %s, ejecutada %s por %s", moment(r.AsOf), moment(r.At), r.Why)
	for _, step := range r.Steps {
		fmt.Fprintln(s.Out, "  "+printable(step))
	}
	for i, x := range r.Answer.Exceptions {
		if i == shownExceptions {
			s.print("  … %d more: -o json has all", "  … %d más: -o json las tiene todas", len(r.Answer.Exceptions)-i)
			break
		}
		fmt.Fprintf(s.Out, "  ✗ %s %s\n", short(x.Key), oneLine(x.Note, 100))
	}
	fmt.Fprintf(s.Out, "query  %s\nresult %s\nprev   %s\nhash   %s\n", r.Query, r.Result, r.Prev, r.Hash)
	if len(r.Faults) > 0 {
		return failed(exitFailed, "the run does not hold: %s", "la ejecución no se sostiene: %s", strings.Join(r.Faults, "; ")).
			hinting("binnacle claims verify reads all chains; compare with a backup", "binnacle claims verify lee todas las cadenas; compara con una copia")
	}
	return nil
}

// shownExceptions is how many exceptions of a run are written out.
const shownExceptions = 20

func claimsRuns() *command {
	var test, out string
	var limit int64
	return &command{
		use: "runs CLAIM", short: lang.T("List the runs of a claim's tests, the newest first.", "Enumera las ejecuciones de las pruebas de una afirmación, las últimas primero."),
		examples: []example{{lang.T("The last of one test", "Las últimas de una prueba"), "binnacle claims runs services-owned --test owned --limit 10"}},
		access:   access{Verb: auth.Read}, min: 1, max: 1,
		flags: func(f *flags) {
			f.text(&test, "test", "", "", lang.T("Only of this test (`NAME`).", "Solo de esta prueba (`NAME`)."))
			f.number(&limit, "limit", "", 20, lang.T("How many at most (`N`).", "Cuántas como mucho (`N`)."))
			tableFlag(f, &out)
		},
		run: func(ctx context.Context, s *session, args []string) error {
			at, ref, err := s.openClaim(ctx, args[0])
			if err != nil {
				return err
			}
			runs, err := at.Runs(ctx, ref, test, int(min(max(limit, 1), 1000)))
			if err != nil {
				return err
			}
			if out == "json" {
				return writeJSON(s.Out, append([]*claim.Run{}, runs...))
			}
			return s.write(s.runTable(runs))
		},
	}
}

func (s *session) runTable(runs []*claim.Run) *table {
	t := &table{head: s.heads(lang.T("Run", "Ejecución"), lang.T("Test", "Prueba"), lang.T("Verdict", "Veredicto"), lang.T("Value", "Valor"), lang.T("As of", "A fecha de"), lang.T("Because of", "Por"), lang.T("Note", "Nota"))}
	for _, r := range runs {
		note := strings.TrimSpace(r.By + " " + r.Reason + " " + r.Note)
		t.add(plain(strconv.FormatInt(r.Seq, 10)), plain(r.Test), verdictCell(r.Verdict), plain(s.found(claim.Scale{Decimals: -1}, r)), plain(moment(r.AsOf)), plain(r.Why), plain(oneLine(note, 80)))
	}
	return t
}

func claimsTest() *command {
	var test, out string
	return &command{
		use: "test CLAIM", short: lang.T("Run the tests of a claim now.", "Ejecuta ahora las pruebas de una afirmación."),
		long: lang.T("Run the tests of a claim now, or the one that is named. The exit code is 1 when one of them does not pass.",
			"Ejecuta ahora las pruebas de una afirmación, o la nombrada. El código de salida es 1 cuando alguna no pasa."),
		examples: []example{{lang.T("In a pipeline", "En un pipeline"), "binnacle claims test services-owned"}},
		access:   access{Verb: auth.Comment}, min: 1, max: 1,
		flags: func(f *flags) {
			f.text(&test, "test", "", "", lang.T("Only this test (`NAME`).", "Solo esta prueba (`NAME`)."))
			tableFlag(f, &out)
		},
		run: func(ctx context.Context, s *session, args []string) error {
			at, ref, err := s.openClaim(ctx, args[0])
			if err != nil {
				return err
			}
			return s.testClaims(ctx, at, []entity.Ref{ref}, test, out)
		},
	}
}

// testClaims runs the tests of some claims and fails when one does not pass.
func (s *session) testClaims(ctx context.Context, at *installation, refs []entity.Ref, test, out string) error {
	var all []*claim.Run
	failures := 0
	for _, ref := range refs {
		runs, err := at.TestClaim(ctx, ref, test)
		if err != nil {
			return err
		}
		all = append(all, runs...)
	}
	for _, r := range all {
		if r.Verdict != claim.Pass && !r.Passes(s.now()) {
			failures++
		}
	}
	var err error
	if out == "json" {
		err = writeJSON(s.Out, append([]*claim.Run{}, all...))
	} else {
		err = s.write(s.runTable(all))
	}
	if err != nil || failures == 0 {
		return err
	}
	return failed(exitFailed, "%d of %d tests do not pass", "%d de %d pruebas no pasan", failures, len(all)).
		hinting("binnacle claims show CLAIM says why", "binnacle claims show AFIRMACIÓN dice por qué")
}

// running is the flags of claims run and claims replay.
type running struct{ asOf, out string }

func claimsRun() *command {
	var r running
	return &command{
		use: "run [CLAIM…]", short: lang.T("Run tests now, or ask them again about a past day.", "Ejecuta pruebas ahora, o vuelve a preguntarlas sobre un día pasado."),
		long: lang.T(`Run the tests of claims now, all that a machine can run when none is named. With --as-of
they are asked again about a past moment, against what was kept then, and compared with what
was recorded: nothing is written, and the exit code is 1 when one says something different.`,
			`Ejecuta ahora las pruebas de las afirmaciones, todas las que puede una máquina si no se
nombra ninguna. Con --as-of se vuelve a preguntar sobre un momento pasado, con lo que se
guardaba entonces, y se compara con lo registrado: no se escribe nada, y el código de salida
es 1 cuando alguna dice algo distinto.`),
		examples: []example{
			{lang.T("Everything, as of the first of March", "Todo, a fecha del uno de marzo"), "binnacle claims run --as-of 2026-03-01"},
			{lang.T("Two claims, now", "Dos afirmaciones, ahora"), "binnacle claims run services-owned measure:services-described"},
		},
		access: access{Verb: auth.Comment}, max: -1,
		flags: func(f *flags) { r.declare(f) },
		run:   r.run,
	}
}

func (r *running) declare(f *flags) {
	f.text(&r.asOf, "as-of", "", "", lang.T("A past day, taken as its end, or a moment (`WHEN`).", "Un día pasado, tomado como su final, o un momento (`WHEN`)."))
	tableFlag(f, &r.out)
}

func claimsReplay() *command {
	var r running
	return &command{
		use: "replay [CLAIM…]", short: lang.T("Ask tests again about a past day and compare with what was recorded.", "Vuelve a preguntar sobre un día pasado y compara con lo registrado."),
		long:     lang.T("The same as claims run --as-of, for who may only read.", "Lo mismo que claims run --as-of, para quien solo puede leer."),
		examples: []example{{lang.T("One claim", "Una afirmación"), "binnacle claims replay services-owned --as-of 2026-03-01"}},
		access:   access{Verb: auth.Read}, max: -1,
		flags: func(f *flags) { r.declare(f) },
		run: func(ctx context.Context, s *session, args []string) error {
			if r.asOf == "" {
				return usage("a replay needs its day", "una repetición necesita su día").hinting("add --as-of 2026-03-01", "añade --as-of 2026-03-01")
			}
			return r.run(ctx, s, args)
		},
	}
}

func (r *running) run(ctx context.Context, s *session, args []string) error {
	var asOf time.Time
	if r.asOf != "" {
		var err error
		if asOf, err = claim.ParseMoment(r.asOf, s.now().UTC()); err != nil {
			return usage("--as-of %q is neither a day nor a moment", "--as-of %q no es un día ni un momento", r.asOf).hinting("write 2026-03-01 or 2026-03-01T12:00:00Z", "escribe 2026-03-01 o 2026-03-01T12:00:00Z")
		}
	}
	var refs []entity.Ref
	for _, a := range args {
		ref, err := s.claimRef(a)
		if err != nil {
			return err
		}
		refs = append(refs, ref)
	}
	at, err := s.open(ctx)
	if err != nil {
		return err
	}
	if len(refs) == 0 {
		if refs, err = s.everyClaim(ctx, at, asOf.IsZero()); err != nil {
			return err
		}
	}
	if asOf.IsZero() {
		return s.testClaims(ctx, at, refs, "", r.out)
	}
	return s.replayClaims(ctx, at, refs, asOf, r.out)
}

// everyClaim lists all claims; with asked those that a machine can test.
func (s *session) everyClaim(ctx context.Context, at *installation, asked bool) ([]entity.Ref, error) {
	list, err := at.Claims(ctx, claim.Filter{})
	var refs []entity.Ref
	for _, c := range list {
		can := false
		for _, ev := range c.Evidence {
			can = can || ev.Form != "attest" && ev.Form != "typed"
		}
		if can || !asked {
			ref, err := entity.ParseRef(c.Ref, "", "")
			if err != nil {
				return nil, err
			}
			refs = append(refs, ref)
		}
	}
	return refs, err
}

// replayedClaim is a claim with what a replay of it says.
type replayedClaim struct {
	Ref   string             `json:"ref"`
	Tests []claim.ToldReplay `json:"tests"`
}

// replayClaims asks claims again about a past moment; those that were not there
// are left out.
func (s *session) replayClaims(ctx context.Context, at *installation, refs []entity.Ref, asOf time.Time, out string) error {
	var all []replayedClaim
	different, asked := 0, 0
	for _, ref := range refs {
		list, err := at.Replay(ctx, ref, asOf)
		if exitCode(err) == exitNotFound && len(refs) > 1 {
			continue
		}
		if err != nil {
			return err
		}
		for i := range list {
			if list[i].Asked {
				asked++
			}
			if list[i].Differs() {
				different++
			}
		}
		all = append(all, replayedClaim{ref.Short(), list})
	}
	var err error
	if out == "json" {
		err = writeJSON(s.Out, append([]replayedClaim{}, all...))
	} else {
		err = s.write(s.replayTable(all))
	}
	if err != nil || different == 0 {
		return err
	}
	return failed(exitFailed, "%d of %d tests do not say what was recorded", "%d de %d pruebas no dicen lo que se registró", different, asked).
		hinting("binnacle claims verify tells whether the records were changed; a newer version may also compute otherwise", "binnacle claims verify dice si se cambiaron los registros; una versión más nueva también puede calcular de otro modo")
}

func (s *session) replayTable(all []replayedClaim) *table {
	t := &table{head: s.heads(lang.T("Claim", "Afirmación"), lang.T("Test", "Prueba"), lang.T("Result", "Resultado"), lang.T("Recorded", "Registrado"), lang.T("Now", "Ahora"), lang.T("Run", "Ejecución"))}
	for _, c := range all {
		for i := range c.Tests {
			r := &c.Tests[i]
			row := []cell{plain(c.Ref), plain(r.Test), s.sameness(r), plain("-"), plain("-"), plain("-")}
			if r.Recorded != nil {
				row[3], row[5] = verdictCell(r.Recorded.Verdict), plain(strconv.FormatInt(r.Recorded.Seq, 10))
			}
			if r.Now != nil {
				row[4] = verdictCell(r.Now.Verdict)
			}
			t.add(row...)
		}
	}
	return t
}

func (s *session) sameness(r *claim.ToldReplay) cell {
	switch {
	case !r.Asked:
		return cell{s.say(lang.T("as recorded", "como se registró")), "idle"}
	case r.Same:
		return cell{s.say(lang.T("same", "igual")), "ok"}
	case r.Recorded == nil:
		return cell{s.say(lang.T("not recorded", "no registrada")), "warn"}
	}
	return cell{s.say(lang.T("different", "distinta")), "bad"}
}

// wording is the flags of claims attest and claims type.
type wording struct {
	test, note, asOf string
	holds, fails     bool
}

func (w *wording) declare(f *flags) {
	f.text(&w.test, "test", "", "", lang.T("Which test (`NAME`), when several ask for a word.", "Qué prueba (`NAME`), cuando varias piden una palabra."))
	f.text(&w.note, "note", "", "", lang.T("What to keep with it (`text`).", "Qué se guarda con ella (`text`)."))
	f.text(&w.asOf, "as-of", "", "", lang.T("The day or moment it is about (`WHEN`); now when not given.", "El día o momento al que se refiere (`WHEN`); ahora si falta."))
}

func claimsAttest() *command {
	var w wording
	return &command{
		use: "attest CLAIM", short: lang.T("Give your word that a claim holds, or that it does not.", "Da tu palabra de que una afirmación se cumple, o no."),
		examples: []example{
			{lang.T("It holds", "Se cumple"), `binnacle claims attest penetration-test --holds --note "Report of 3 March"`},
			{lang.T("It does not", "No se cumple"), `binnacle claims attest penetration-test --fails --note "The tester never came"`},
		},
		access: onHouse(auth.Write, auth.KindClaim), min: 1, max: 1,
		flags: func(f *flags) {
			f.yes(&w.holds, "holds", "", lang.T("It holds.", "Se cumple."))
			f.yes(&w.fails, "fails", "", lang.T("It does not hold; --note says what.", "No se cumple; --note dice qué."))
			w.declare(f)
		},
		run: func(ctx context.Context, s *session, args []string) error {
			if w.holds == w.fails {
				return usage("say whether it holds", "di si se cumple").hinting("add --holds or --fails", "añade --holds o --fails")
			}
			return w.say(ctx, s, args[0], claim.Word{Form: "attest", Holds: w.holds})
		},
	}
}

func claimsType() *command {
	var w wording
	return &command{
		use: "type CLAIM VALUE", short: lang.T("Type a number that no machine knows.", "Escribe un número que ninguna máquina conoce."),
		long:     lang.T("A typed number is your word: it is marked as such, and runs out.", "Un número escrito es tu palabra: se marca como tal, y caduca."),
		examples: []example{{lang.T("A survey of last month", "Una encuesta del mes pasado"), `binnacle claims type measure:engagement 7.4 --as-of 2026-02-28 --note "Survey, 41 answers"`}},
		access:   onHouse(auth.Write, auth.KindMeasure), min: 2, max: 2,
		flags: func(f *flags) { w.declare(f) },
		run: func(ctx context.Context, s *session, args []string) error {
			v, err := strconv.ParseFloat(args[1], 64)
			if err != nil {
				return usage("%q is not a number", "%q no es un número", args[1]).hinting("write it as 7.4", "escríbelo como 7.4")
			}
			return w.say(ctx, s, args[0], claim.Word{Form: "typed", Value: v})
		},
	}
}

func (w *wording) say(ctx context.Context, s *session, name string, word claim.Word) error {
	ref, err := s.claimRef(name)
	if err != nil {
		return err
	}
	word.Test, word.Note = w.test, w.note
	if w.asOf != "" {
		if word.AsOf, err = claim.ParseMoment(w.asOf, s.now().UTC()); err != nil {
			return usage("--as-of %q is neither a day nor a moment", "--as-of %q no es un día ni un momento", w.asOf).hinting("write 2026-03-01 or 2026-03-01T12:00:00Z", "escribe 2026-03-01 o 2026-03-01T12:00:00Z")
		}
	}
	at, err := s.open(ctx)
	if err != nil {
		return err
	}
	r, err := at.Say(ctx, ref, word)
	if err != nil {
		return err
	}
	s.print("%s: run %d, good until %s", "%s: ejecución %d, válida hasta %s", ref.Short(), r.Seq, moment(r.Until))
	if r.Asserted {
		s.tell("It is only somebody's word: the claim is weak with it.", "Es solo la palabra de alguien: con ella la afirmación es débil.")
	}
	return nil
}

func claimsVerify() *command {
	var key, out, of string
	return &command{
		use: "verify [FILE]", short: lang.T("Check the chains of runs, or an evidence pack anywhere.", "Comprueba las cadenas de ejecuciones, o un paquete de evidencia en cualquier sitio."),
		long: lang.T(`Check that every run carries the hash of its own fields and of the run before, that none is
missing, and that every question and answer is the one its hash stands for. With a FILE the
same is checked of an evidence pack, and its signature: no server and no data folder are
needed. --key compares the key it is signed with; without it anybody may have signed.`,
			`Comprueba que cada ejecución lleva el hash de sus campos y de la anterior, que no falta
ninguna, y que cada pregunta y respuesta es la que dice su hash. Con un FILE se comprueba lo
mismo de un paquete de evidencia, y su firma: no hace falta servidor ni carpeta de datos.
--key compara la clave con que está firmado; sin ella pudo firmarlo cualquiera.`),
		examples: []example{
			{lang.T("All chains here", "Todas las cadenas de aquí"), "binnacle claims verify"},
			{lang.T("A pack, on the auditor's machine", "Un paquete, en la máquina de la auditora"), "binnacle claims verify evidence.zip --key 3f0c1d2e…"},
		},
		access: access{Verb: auth.Audit}, max: 1,
		flags: func(f *flags) {
			f.text(&key, "key", "", "", lang.T("The `FINGERPRINT` that binnacle claims key prints where the pack was made.", "La huella (`FINGERPRINT`) que binnacle claims key imprime donde se hizo el paquete."))
			f.text(&of, "claim", "", "", lang.T("Only this `CLAIM`.", "Solo esta afirmación (`CLAIM`)."))
			f.choice(&out, "output", "o", "text", []string{"text", "json"}, lang.T("What to print", "Qué se imprime"))
		},
		run: func(ctx context.Context, s *session, args []string) error {
			if len(args) == 1 {
				return s.verifyPack(args[0], key, out)
			}
			if key != "" {
				return usage("--key goes with a pack", "--key va con un paquete").hinting("name its FILE", "nombra su fichero")
			}
			return s.verifyChains(ctx, of, out)
		},
	}
}

func (s *session) verifyChains(ctx context.Context, of, out string) error {
	var ref *entity.Ref
	if of != "" {
		r, err := s.claimRef(of)
		if err != nil {
			return err
		}
		ref = &r
	}
	at, err := s.open(ctx)
	if err != nil {
		return err
	}
	v, err := at.VerifyClaims(ctx, ref)
	if err != nil {
		return err
	}
	if out == "json" {
		if err := writeJSON(s.Out, v); err != nil {
			return err
		}
	} else if len(v.Broken) == 0 {
		s.print("The chains are whole: %d claim(s), %d run(s), %d document(s)", "Las cadenas están enteras: %d afirmación(es), %d ejecución(es), %d documento(s)", v.Claims, v.Runs, v.Documents)
	}
	if len(v.Broken) == 0 {
		return nil
	}
	for _, b := range v.Broken {
		fmt.Fprintf(s.Err, "  %s %d: %s\n", b.Claim, b.Seq, b.What)
	}
	return failed(exitFailed, "%d place(s) of the chains do not hold", "%d lugar(es) de las cadenas no se sostienen", len(v.Broken)).
		hinting("keep the data as they are, compare with a backup and with packs, and find out who could write to them", "deja los datos como están, compara con una copia y con paquetes, y averigua quién podía escribir en ellos")
}

func (s *session) verifyPack(name, key, out string) error {
	f, err := os.Open(name)
	if err != nil {
		return noFile(name, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	report, err := claim.VerifyPack(f, info.Size())
	if err != nil {
		return err
	}
	if key != "" && !strings.EqualFold(strings.ReplaceAll(key, " ", ""), report.Fingerprint) {
		report.Problems = append(report.Problems, "it is signed with the key "+report.Fingerprint+", not with "+key)
	}
	if out == "json" {
		err = writeJSON(s.Out, report)
	} else {
		err = s.writePack(report, key != "")
	}
	if err != nil || len(report.Problems) == 0 {
		return err
	}
	for _, p := range report.Problems {
		fmt.Fprintln(s.Err, "  "+printable(p))
	}
	return failed(exitFailed, "the pack does not hold: %d problem(s)", "el paquete no se sostiene: %d problema(s)", len(report.Problems)).
		hinting("ask for it again from whoever made it, and compare the fingerprint of the key by another way", "pídelo otra vez a quien lo hizo, y compara la huella de la clave por otra vía")
}

func (s *session) writePack(r *claim.PackReport, known bool) error {
	s.print("Evidence of %s, made %s by %s, about %s to %s", "Evidencia de %s, hecha %s por %s, de %s a %s", printable(r.Organisation), moment(r.Made), printable(r.By), moment(r.From), moment(r.To))
	t := &table{head: s.heads(lang.T("State", "Estado"), lang.T("Claim", "Afirmación"), lang.T("Statement", "Enunciado"), lang.T("Runs", "Ejecuciones"))}
	for _, c := range r.Claims {
		t.add(stateCell(c.State), plain(short(c.Ref)), plain(oneLine(c.Statement, 70)), plain(strconv.Itoa(c.Runs)))
	}
	if err := s.write(t); err != nil {
		return err
	}
	if len(r.Problems) == 0 {
		s.print("The pack is whole: %d run(s), %d file(s), signed with %s", "El paquete está entero: %d ejecución(es), %d fichero(s), firmado con %s", r.Runs, len(r.Files), r.Fingerprint)
	}
	if !known {
		s.tell("Compare this fingerprint with the one the organisation told you by another way: --key %s", "Compara esta huella con la que la organización te dio por otra vía: --key %s", r.Fingerprint)
	}
	return nil
}

func claimsKey() *command {
	var out string
	return &command{
		use: "key", short: lang.T("Print the keys evidence packs are signed with.", "Imprime las claves con que se firman los paquetes de evidencia."),
		examples: []example{{lang.T("For the reader of a pack", "Para quien lea un paquete"), "binnacle claims key"}},
		access:   access{Verb: auth.Read},
		flags:    func(f *flags) { tableFlag(f, &out) },
		run: func(ctx context.Context, s *session, _ []string) error {
			at, err := s.open(ctx)
			if err != nil {
				return err
			}
			keys, err := at.SigningKeys(ctx)
			if err != nil {
				return err
			}
			if out == "json" {
				return writeJSON(s.Out, append([]signingKey{}, keys...))
			}
			if len(keys) == 0 {
				s.tell("There is none yet: the first evidence pack makes one.", "Aún no hay ninguna: el primer paquete de evidencia crea una.")
				return nil
			}
			t := &table{head: s.heads(lang.T("Fingerprint", "Huella"), lang.T("Public key", "Clave pública"))}
			for _, k := range keys {
				t.texts(k.Fingerprint, k.Key)
			}
			return s.write(t)
		},
	}
}

// packing is the flags of export evidence.
type packing struct {
	claims         []string
	from, to, file string
}

func exportEvidence() *command {
	var p packing
	return &command{
		use: "evidence", short: lang.T("Write claims with all their runs into one signed file.", "Escribe afirmaciones con todas sus ejecuciones en un fichero firmado."),
		long: lang.T("Write claims, their revisions, all their runs in a time with questions and answers, and the files that belong to them, into one signed file that binnacle claims verify FILE checks anywhere.",
			"Escribe afirmaciones, sus revisiones, todas sus ejecuciones de un tiempo con preguntas y respuestas, y sus ficheros, en un fichero firmado que binnacle claims verify FILE comprueba en cualquier sitio."),
		examples: []example{{lang.T("A quarter, for an auditor", "Un trimestre, para una auditora"), "binnacle export evidence --from 2026-01-01 --to 2026-03-31 -o evidence.zip"}},
		access:   access{Verb: auth.Read},
		flags: func(f *flags) {
			f.texts(&p.claims, "claims", "", lang.T("A `CLAIM`, or several with commas; repeat for more. All when not given.", "Una afirmación (`CLAIM`), o varias con comas; repítela para más. Todas si falta."))
			f.text(&p.from, "from", "", "", lang.T("Runs about this day (`DAY`) and later.", "Ejecuciones sobre este día (`DAY`) y posteriores."))
			f.text(&p.to, "to", "", "", lang.T("And up to this `DAY`; today when not given.", "Y hasta este día (`DAY`); hoy si falta."))
			f.text(&p.file, "output", "o", "", lang.T("`FILE` to write.", "Fichero (`FILE`) que se escribe."))
		},
		run: p.run,
	}
}

func (p *packing) options(s *session) (claim.PackOptions, error) {
	var o claim.PackOptions
	for _, list := range p.claims {
		for name := range strings.SplitSeq(list, ",") {
			ref, err := s.claimRef(strings.TrimSpace(name))
			if err != nil {
				return o, err
			}
			o.Refs = append(o.Refs, ref)
		}
	}
	day := func(flag, text string, otherwise time.Time) (time.Time, error) {
		if text == "" {
			return otherwise, nil
		}
		t, err := time.Parse(time.DateOnly, text)
		if err != nil {
			return t, usage("--%s %q is not a day", "--%s %q no es un día", flag, text).hinting("write it as 2026-03-31", "escríbelo como 2026-03-31")
		}
		return t, nil
	}
	today := s.now().UTC().Truncate(24 * time.Hour)
	var err error
	if o.From, err = day("from", p.from, today.AddDate(0, -3, 0)); err != nil {
		return o, err
	}
	to, err := day("to", p.to, today)
	o.To = to.AddDate(0, 0, 1)
	return o, err
}

func (p *packing) run(ctx context.Context, s *session, _ []string) error {
	o, err := p.options(s)
	if err != nil {
		return err
	}
	if p.file == "" && s.OutTTY {
		return usage("a pack is no text for a terminal", "un paquete no es texto para una terminal").hinting("add -o evidence.zip", "añade -o evidence.zip")
	}
	at, err := s.open(ctx)
	if err != nil {
		return err
	}
	if p.file == "" || p.file == "-" {
		return at.Pack(ctx, o, s.Out)
	}
	err = wholeFile(p.file, func(w io.Writer) error { return at.Pack(ctx, o, w) })
	if err != nil {
		return err
	}
	s.tell("wrote %s", "escrito %s", p.file)
	keys, err := at.SigningKeys(ctx)
	if len(keys) > 0 {
		s.tell("signed with %s: tell its reader by another way", "firmado con %s: dilo a quien lo lea por otra vía", keys[0].Fingerprint)
	}
	return err
}
