package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"reflect"
	"strconv"
	"strings"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
)

func editCommand() *command {
	var namespace string
	var h hand
	return &command{
		use: "edit KIND/NAME", short: lang.T("Change a thing in your editor.", "Cambia una cosa en tu editor."),
		long: lang.T(`Open a thing as YAML in VISUAL or EDITOR (else vi) and store what was saved.

What somebody else changed meanwhile is merged; where both changed the same field,
and where the text is not valid, the editor opens again with the reasons on top.
Leaving without a change, or with an empty file, changes nothing.`,
			`Abre una cosa como YAML en VISUAL o EDITOR (o vi) y guarda el resultado.

Lo que otra persona cambió entretanto se fusiona; si ambos cambiaron el mismo campo,
o si el texto no es válido, el editor se abre de nuevo con los motivos arriba.
Salir sin cambios, o con el fichero vacío, no cambia nada.`),
		examples: []example{
			{lang.T("A component", "Un componente"), "binnacle edit component/checkout"},
			{lang.T("With another editor and the reason", "Con otro editor y el motivo"), "EDITOR='code --wait' binnacle edit component checkout --reason 'handed over to payments'"},
		},
		access: onKinds(auth.Write), min: 1, max: 2, complete: completeTargets,
		flags: func(f *flags) {
			namespaceFlag(f, &namespace)
			reasonFlag(f, &h.reason)
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
			e, err := at.Get(ctx, ref)
			if err != nil {
				return err
			}
			h.manager = "edit"
			return (&editing{s: s, at: at, base: e, hand: h}).run(ctx)
		},
	}
}

// editing is one thing in the editor.
type editing struct {
	s    *session
	at   *installation
	base *entity.Entity // as it was read
	hand hand
	text string // without the comments on top
	why  []string
	path string
}

func (d *editing) run(ctx context.Context) error {
	var b bytes.Buffer
	if err := d.s.Kinds.EncodeYAML(&b, d.base); err != nil {
		return err
	}
	original := b.String()
	d.text = original
	for {
		text, err := d.open(ctx)
		if err != nil {
			return err
		}
		if strings.TrimSpace(text) == "" || text == original || text == d.text && len(d.why) > 0 {
			return d.leave(text == original || strings.TrimSpace(text) == "")
		}
		d.text = text
		done, err := d.store(ctx)
		if done || err != nil {
			return err
		}
	}
}

// leave ends without a change.
func (d *editing) leave(nothingLost bool) error {
	if nothingLost {
		d.s.tell("Nothing was changed.", "No se cambió nada.")
		return os.Remove(d.path)
	}
	return failed(exitFailed, "the text was saved again as it was, with its problems", "el texto se guardó otra vez igual, con sus problemas").
		hinting("your text is kept in %s: correct it and run binnacle apply -f %s", "tu texto queda en %s: corrígelo y ejecuta binnacle apply -f %s", d.path, d.path)
}

// open shows the text in the editor and returns it as it was saved.
func (d *editing) open(ctx context.Context) (string, error) {
	if d.path == "" {
		f, err := os.CreateTemp("", "binnacle-*.yaml")
		if err != nil {
			return "", err
		}
		d.path = f.Name()
		f.Close()
	}
	if err := os.WriteFile(d.path, []byte(d.comments()+d.text), 0o600); err != nil {
		return "", err
	}
	if err := d.s.editor(ctx, d.path); err != nil {
		return "", err
	}
	data, err := os.ReadFile(d.path)
	return withoutComments(string(data)), err
}

func (d *editing) comments() string {
	lines := []string{d.s.say(lang.T("Save to store the change; leave it as it is, or empty, to change nothing.", "Guarda para aplicar el cambio; déjalo igual, o vacío, para no cambiar nada."))}
	if len(d.why) > 0 {
		lines = append(d.why, "")
	}
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(strings.TrimRight("# "+oneLine(l, 0), " ") + "\n")
	}
	return b.String()
}

// withoutComments takes the comments on top away.
func withoutComments(text string) string {
	for strings.HasPrefix(text, "#") {
		_, text, _ = strings.Cut(text, "\n")
	}
	return text
}

// editor runs the user's editor on a file.
func (s *session) editor(ctx context.Context, path string) error {
	words := []string{"vi"}
	for _, name := range []string{"EDITOR", "VISUAL"} {
		if w := strings.Fields(s.Env(name)); len(w) > 0 {
			words = w
		}
	}
	cmd := exec.CommandContext(ctx, words[0], append(words[1:], path)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = s.In, s.Out, s.Err
	if err := cmd.Run(); err != nil {
		return failed(exitFailed, "the editor %s failed", "el editor %s falló", words[0]).because(err).
			hinting("set EDITOR to an editor you have; your text is in %s", "define EDITOR con un editor que tengas; tu texto está en %s", path)
	}
	return nil
}

// store tries to store the text; false with no error means that the editor
// must open again.
func (d *editing) store(ctx context.Context) (bool, error) {
	docs, err := d.s.Kinds.Decode("", []byte(d.text))
	if fault.Is(err, fault.Invalid) {
		return false, d.again(err)
	}
	if err != nil {
		return false, err
	}
	if len(docs) != 1 || docs[0].Entity.Ref() != d.base.Ref() {
		d.why = []string{d.s.say(lang.T("The text must hold %s and nothing else; binnacle rename gives another name.", "El texto debe contener %s y nada más; binnacle rename da otro nombre."), d.base.Ref().Short())}
		return false, nil
	}
	mine := docs[0].Entity
	base, _ := strconv.ParseInt(d.base.Metadata.ResourceVersion, 10, 64)
	ch, err := d.at.Update(ctx, mine, base, d.hand)
	switch {
	case fault.Is(err, fault.Conflict):
		return false, d.rebase(ctx, mine, err)
	case fault.Is(err, fault.Invalid):
		return false, d.again(err)
	case err != nil:
		return false, d.keep(err)
	}
	d.s.print("%s %s", "%s %s", short(ch.Ref), opWords[ch.Op].In(d.s.code))
	return true, os.Remove(d.path)
}

// keep says where the text is when the change could not be stored.
func (d *editing) keep(err error) error {
	d.s.tell("Your text is kept in %s", "Tu texto queda en %s", d.path)
	return err
}

func (d *editing) again(err error) error {
	d.why = []string{d.s.sentence(err)}
	for _, p := range fault.ProblemsOf(err) {
		if p.Line > 0 {
			p.Line += len(fault.ProblemsOf(err)) + 2 // the comments on top move the text down
		}
		d.why = append(d.why, p.String())
	}
	return nil
}

// rebase puts the changes made here on top of what is stored now, so that what
// others changed elsewhere is kept and the person chooses where both did.
func (d *editing) rebase(ctx context.Context, mine *entity.Entity, clash error) error {
	now, err := d.at.Get(ctx, d.base.Ref())
	if err != nil {
		return d.keep(err)
	}
	merged, err := onTop(d.base, mine, now)
	if err != nil {
		return d.keep(err)
	}
	var b bytes.Buffer
	if err := d.s.Kinds.EncodeYAML(&b, merged); err != nil {
		return err
	}
	d.again(clash)
	d.why = append(d.why, d.s.say(lang.T("The text below has your values. Change them, or save to keep them.", "El texto de abajo tiene tus valores. Cámbialos, o guarda para mantenerlos.")))
	d.text, d.base = b.String()+"\n", now
	return nil
}

// onTop applies what changed from base to mine to the state now.
func onTop(base, mine, now *entity.Entity) (*entity.Entity, error) {
	var trees [3]map[string]any
	for i, e := range []*entity.Entity{base, mine, now} {
		data, err := json.Marshal(catalog.Clean(e))
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(data, &trees[i]); err != nil {
			return nil, err
		}
	}
	data, err := json.Marshal(moved(trees[0], trees[1], trees[2]))
	if err != nil {
		return nil, err
	}
	var out entity.Entity
	return &out, json.Unmarshal(data, &out)
}

// moved returns now with every value that differs between base and mine set to
// mine's.
func moved(base, mine, now map[string]any) map[string]any {
	out := map[string]any{}
	for k, v := range now {
		out[k] = v
	}
	for k := range base {
		if _, kept := mine[k]; !kept {
			delete(out, k)
		}
	}
	for k, m := range mine {
		b, n := base[k], now[k]
		if reflect.DeepEqual(b, m) {
			continue
		}
		bm, bok := b.(map[string]any)
		mm, mok := m.(map[string]any)
		nm, nok := n.(map[string]any)
		if bok && mok && nok {
			m = moved(bm, mm, nm)
		}
		out[k] = m
	}
	return out
}
