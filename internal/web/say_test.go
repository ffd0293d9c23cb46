package web

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
)

type boatSpec struct {
	Type   string `json:"type" en:"Type" es:"Tipo" enum:"sail;motor" req:"1"`
	Length int    `json:"length" en:"Length" es:"Eslora" max:"90"`
	Owner  string `json:"owner" en:"Owner" es:"Responsable" ref:"boat" rel:"ownedBy,ownerOf"`
}

func sayer(t *testing.T, code lang.Code) *Ctx {
	t.Helper()
	texts, err := lang.Load(Texts)
	if err != nil {
		t.Fatal(err)
	}
	return &Ctx{App: &App{texts: texts}, Lang: code}
}

// What is wrong with a file is said in Spanish to its end, the way out too.
func TestProblemsInSpanish(t *testing.T) {
	kinds := catalog.NewKinds(catalog.Of[boatSpec](catalog.Kind{Name: "Boat", Plural: "boats", Room: auth.Operations, Title: lang.T("Boat", "Barco"), Titles: lang.T("Boats", "Barcos")}, nil))
	c := sayer(t, lang.Spanish)
	const head = "apiVersion: binnacle.dev/v1\nkind: Boat\nmetadata: {name: b}\nspec: "
	f := func(yaml string, want ...string) {
		t.Helper()
		_, err := kinds.Decode("b.yaml", []byte(yaml))
		var got []string
		for _, p := range fault.ProblemsOf(err) {
			line := c.Problem(p)
			if hint := c.ProblemHint(p); hint != "" {
				line += "; " + hint
			} else if p.Hint != "" {
				t.Errorf("the hint %q is not said in Spanish", p.Hint)
			}
			got = append(got, line)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s(-want +got):\n%s", yaml, diff)
		}
	}
	f(head+"{type: sail, lenght: 3}\n", "aquí no existe el campo «lenght»; ¿querías decir «length»?")
	f(head+"{type: sail, zzz: 3}\n", "aquí no existe el campo «zzz»; los campos son type, length, owner")
	f(head+"{type: sial}\n", "«sial» no es una de las opciones: sail, motor; ¿querías decir «sail»?")
	f(head+"{type: 5}\n", `debe ser un texto, no el número 5; escríbelo entre comillas: "5"`)
	f(head+"{type: sail, length: long}\n", `debe ser un número entero, no el texto «long»`)
	f(head+"{type: sail, length: [1]}\n", "debe ser un número entero, no una lista")
	f(head+"{type: sail, length: 91}\n", "debe ser como mucho 90")
	f(head+"{type: sail, type: motor}\n", "«type» se da dos veces")
	f(head+"{type: sail, length: .inf}\n", ".inf no es un número que se pueda guardar")
	f("apiVersion: v9\nkind: Boat\nmetadata: {name: b}\nspec: {type: sail}\n", "debe ser binnacle.dev/v1 para Boat; es «v9»")
	f("apiVersion: binnacle.dev/v1\nkind: Baot\nmetadata: {name: b}\n", "no existe la clase «Baot»; ¿querías decir «Boat»?")
	f("apiVersion: binnacle.dev/v1\nkind: Boat\nspec: {type: sail}\n", "es obligatorio, con un nombre al menos")
	_, err := catalog.ParseSelector("a b")
	if p := fault.ProblemsOf(err); len(p) != 1 || c.ProblemHint(p[0]) != "escribe clave=valor, clave!=valor, clave in (a, b), clave o !clave, separadas por comas" {
		t.Errorf("%v", p)
	}
}

// What a claim asks in vain is answered with what there is, in Spanish too.
func TestHintsOfClaimsInSpanish(t *testing.T) {
	c := sayer(t, lang.Spanish)
	for hint, want := range map[string]string{
		"the languages are event, promql":                                 "los lenguajes son event, promql",
		"no engine is connected that has one":                             "no hay conectado ningún motor que tenga uno",
		"its relations are ownedBy, partOf":                               "sus relaciones son ownedBy, partOf",
		"its fields are day, hours":                                       "sus campos son day, hours",
		"binnacle explain lists the kinds; the tables are claims, events": "binnacle explain enumera las clases; las tablas son claims, events",
	} {
		if got := c.ProblemHint(fault.Problem{Code: "column", Hint: hint}); got != want {
			t.Errorf("%q is said %q, want %q", hint, got, want)
		}
	}
}

// A fault is said by its code, with its arguments and what to do; one without a
// code in general.
func TestFaultsAreSaid(t *testing.T) {
	f := func(code lang.Code, err error, say, hint string) {
		t.Helper()
		c := sayer(t, code)
		if got := c.Say(err); got != say {
			t.Errorf("said %q, want %q", got, say)
		}
		if got := c.HintOf(err); got != hint {
			t.Errorf("hint %q, want %q", got, hint)
		}
	}
	stale := fault.New(fault.Precondition, "%s changed since you read it: it is at revision %d, not %d", "boat:b", 5, 3).Coded("stale").WithHint("read it again and repeat your change")
	f(lang.English, stale, "boat:b changed since you read it: it is at revision 5, not 3.", "read it again and repeat your change")
	f(lang.Spanish, stale, "boat:b ha cambiado desde que lo leíste: está en la revisión 5, no en la 3.", "léelo de nuevo y repite el cambio")
	near := fault.New(fault.NotFound, "there is no kind %q", "baot").Coded("no-kind").WithHint("did you mean %q?", "boat")
	f(lang.Spanish, near, "No existe la clase «baot».", "¿querías decir «boat»?")
	clash := fault.New(fault.Conflict, "%d field(s) were changed by two hands", 1).Coded("clash")
	f(lang.Spanish, clash, "Dos manos han cambiado 1 campo.", "")
	unknown := fault.New(fault.Conflict, "something else").WithHint("do something")
	f(lang.English, unknown, "Something else", "do something")
	f(lang.Spanish, unknown, sayer(t, lang.Spanish).T("error.conflict.text"), "")
	if got := sayer(t, lang.English).Say(fault.New(fault.Internal, "secret").Coded("stale")); strings.Contains(got, "secret") || strings.Contains(got, "revision") {
		t.Errorf("an internal fault says %q", got)
	}
}
