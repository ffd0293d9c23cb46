package logs

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"
)

// Fields are in order whatever came before, and each keeps its value.
func TestOrders(t *testing.T) {
	var o orders
	seed := rand.New(rand.NewPCG(1, 2))
	for range 5000 {
		var fields []logstorage.Field
		for i := range seed.IntN(8) {
			name := string(rune('a'+seed.IntN(6))) + fmt.Sprint(i)
			if i == 3 {
				name = fieldMessage
			}
			fields = append(fields, logstorage.Field{Name: name, Value: fmt.Sprint(seed.IntN(100))})
		}
		want := slices.Clone(fields)
		slices.SortStableFunc(want, func(a, b logstorage.Field) int {
			return strings.Compare(strings.TrimPrefix(a.Name, fieldMessage), strings.TrimPrefix(b.Name, fieldMessage))
		})
		if got := o.sort(fields); !slices.Equal(got, want) {
			t.Fatalf("%v\ngot  %v\nwant %v", fields, got, want)
		}
	}
}

// The engine finds the names of the row before only in the same places.
func TestOrdersDropWhatIsEmpty(t *testing.T) {
	var o orders
	got := o.sort([]logstorage.Field{{Name: "c", Value: "1"}, {Name: "b"}, {Name: "a", Value: "2"}})
	if want := []logstorage.Field{{Name: "a", Value: "2"}, {Name: "c", Value: "1"}}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// What is learnt of an event does not change with its memory.
func TestOrdersKeepTheirNames(t *testing.T) {
	var o orders
	name := []byte("b")
	one := func() []logstorage.Field {
		return []logstorage.Field{{Name: text(name), Value: "1"}, {Name: "b", Value: "2"}}
	}
	o.sort(one())
	name[0] = 'c'
	if got := o.sort(one()); got[0].Name != "b" || got[1].Name != "c" {
		t.Errorf("got %v", got)
	}
}
