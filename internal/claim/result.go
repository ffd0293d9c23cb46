package claim

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/binnaclehq/binnacle/internal/lang"
)

// Answer is what a test answered, in full. Its hash stands in the run; equal
// answers are kept once.
type Answer struct {
	Rule       string   `json:"rule"` // the way it was computed, with its version
	N          int      `json:"n"`
	Population []string `json:"population,omitempty"` // keys, in order; at most MaxKept
	Exceptions []Item   `json:"exceptions,omitempty"` // at most MaxKept
	Terms      []Item   `json:"terms,omitempty"`      // what each member adds to the number; at most MaxKept
	Value      *float64 `json:"value,omitempty"`
	Steps      []Step   `json:"steps"` // how it came about, to be read
	// Digest stands for the whole of Population, Exceptions and Terms, also of
	// what was left out.
	Digest string `json:"digest,omitempty"`
}

// Item is one member of a population.
type Item struct {
	Key   string   `json:"key"` // a reference, or the key of a row
	Title string   `json:"title,omitempty"`
	Note  string   `json:"note,omitempty"` // why it is an exception, where there is more to say
	Value *float64 `json:"value,omitempty"`
}

// MaxKept is how many members are kept by name in an answer.
const MaxKept = 10_000

// Step is one line of a derivation: what was done, and what came out.
type Step struct {
	Do   string   `json:"do"`
	Args []string `json:"args,omitempty"`
}

func step(do string, args ...any) Step {
	s := Step{Do: do}
	for _, a := range args {
		switch v := a.(type) {
		case float64:
			s.Args = append(s.Args, Figure(v))
		default:
			s.Args = append(s.Args, fmt.Sprint(v))
		}
	}
	return s
}

// Text returns the step as a sentence.
func (s Step) Text() lang.Text {
	t, ok := stepTexts[s.Do]
	if !ok {
		return lang.T(s.Do+": "+strings.Join(s.Args, ", "), s.Do+": "+strings.Join(s.Args, ", "))
	}
	for i, a := range s.Args {
		mark := "{" + strconv.Itoa(i) + "}"
		t.En, t.Es = strings.ReplaceAll(t.En, mark, a), strings.ReplaceAll(t.Es, mark, a)
	}
	return t
}

var stepTexts = map[string]lang.Text{
	"from":       lang.T("{0} records of {1}", "{0} registros de {1}"),
	"where":      lang.T("{0} of them where {1}", "{0} de ellos donde {1}"),
	"expect":     lang.T("{0} of {1} meet: {2}", "{0} de {1} cumplen: {2}"),
	"allow":      lang.T("exceptions: {0}; allowed: {1}", "excepciones: {0}; permitidas: {1}"),
	"count":      lang.T("count = {0}", "count = {0}"),
	"exceptions": lang.T("exceptions = {0}", "exceptions = {0}"),
	"share":      lang.T("share = {0} / {1} × 100 = {2}", "share = {0} / {1} × 100 = {2}"),
	"terms":      lang.T("{0} = {1}", "{0} = {1}"),
	"aggregate":  lang.T("{0} of {1} values of {2} = {3}", "{0} de {1} valores de {2} = {3}"),
	"must":       lang.T("{0} must be {1}", "{0} debe ser {1}"),
	"target":     lang.T("{0} against the target {1}", "{0} frente al objetivo {1}"),
	"band":       lang.T("{0} against the band from {1} to {2}", "{0} frente a la banda de {1} a {2}"),
	"limit":      lang.T("at risk up to {0}", "en riesgo hasta {0}"),
	"measure":    lang.T("{0} is {1}, taken {2} (run {3})", "{0} es {1}, tomada {2} (ejecución {3})"),
	"reading":    lang.T("the measure itself reads it as {0}", "la propia medida lo lee como {0}"),
	"formula":    lang.T("{0} = {1}", "{0} = {1}"),
	"asked":      lang.T("{0} answered {1} at {2}", "{0} respondió {1} en {2}"),
	"queried":    lang.T("{0} rows by {1}", "{0} filas por {1}"),
	"second":     lang.T("{0} rows of the second question, by {1}", "{0} filas de la segunda pregunta, por {1}"),
	"figure":     lang.T("{0} = {1}", "{0} = {1}"),
	"nothing":    lang.T("nothing happened in that time: not tested", "no ocurrió nada en ese tiempo: sin probar"),
	"typed":      lang.T("{0} typed {1}", "{0} escribió {1}"),
	"attested":   lang.T("{0} attests: {1}", "{0} atesta: {1}"),
	"denied":     lang.T("{0} says that it does not hold: {1}", "{0} dice que no se cumple: {1}"),
	"empty":      lang.T("nobody was asked: not tested", "no se preguntó a nadie: sin probar"),
	"pace":       lang.T("{0} of the way, {1} expected today", "{0} del camino, {1} esperado hoy"),
	"progress":   lang.T("({0} − {1}) / ({2} − {1}) = {3}", "({0} − {1}) / ({2} − {1}) = {3}"),
	"steps":      lang.T("step {0} of {1} stands for {2}", "el paso {0} de {1} vale {2}"),
	"milestones": lang.T("{0} of {1} reached = {2}", "{0} de {1} alcanzados = {2}"),
	"recorded":   lang.T("as it was recorded; this form cannot be asked again", "como quedó registrada; esta forma no se puede volver a preguntar"),
}

// Figure writes a number exactly and shortly.
func Figure(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// seal cuts the lists to what is kept and computes the digest of all of them.
func (a *Answer) seal() {
	if len(a.Population)+len(a.Exceptions)+len(a.Terms) == 0 {
		return
	}
	h := sha256.New()
	for _, k := range a.Population {
		fmt.Fprintf(h, "p%d:%s", len(k), k)
	}
	for name, list := range [][]Item{a.Exceptions, a.Terms} {
		for _, x := range list {
			fmt.Fprintf(h, "%d:%d:%s", name, len(x.Key), x.Key)
			if x.Value != nil {
				fmt.Fprint(h, "=", Figure(*x.Value))
			}
		}
	}
	a.Digest = hex.EncodeToString(h.Sum(nil))
	a.Population, a.Exceptions, a.Terms = head(a.Population), head(a.Exceptions), head(a.Terms)
}

func head[T any](list []T) []T { return list[:min(len(list), MaxKept)] }

// hashed returns a document and its SHA-256 in hex.
func hashed(v any) (doc []byte, hash string, err error) {
	doc, err = json.Marshal(v)
	if err != nil {
		return nil, "", err
	}
	sum := sha256.Sum256(doc)
	return doc, hex.EncodeToString(sum[:]), nil
}
