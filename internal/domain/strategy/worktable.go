package strategy

import (
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/observe"
)

// workTable holds the work items of the trackers, which forecasts learn from
// and count down.
var workTable = &observe.Table{
	Name: "work", Room: Room, Key: []string{"source", "id"}, Label: "name",
	Title: lang.T("Work items", "Elementos de trabajo"),
	Doc:   lang.T("What was asked for, begun and finished, as trackers tell it.", "Lo que se pidió, empezó y terminó, según los gestores de tareas."),
	Columns: []observe.Column{
		{Name: "source", Type: observe.Text, Doc: lang.T("The tracker it comes from.", "El gestor del que viene.")},
		{Name: "id", Type: observe.Text, Doc: lang.T("Its number there.", "Su número allí.")},
		{Name: "name", Type: observe.Text, Doc: lang.T("What it is about.", "De qué trata.")},
		{Name: "state", Type: observe.Text, Doc: lang.T("As the tracker calls it.", "Como lo llama el gestor.")},
		{Name: "category", Type: observe.Text, Doc: lang.T("What the state means: open, done or removed.", "Lo que significa el estado: open, done o removed.")},
		{Name: "type", Type: observe.Text, Doc: lang.T("As the tracker calls it: story, bug, epic.", "Como lo llama el gestor: historia, error, épica.")},
		{Name: "team", Type: observe.Text, Doc: lang.T("The group that works on it, as group:default/payments.", "El grupo que trabaja en él, como group:default/payments.")},
		{Name: "parent", Type: observe.Text, Doc: lang.T("The number of what it is a part of.", "El número de aquello de lo que es parte.")},
		{Name: "tags", Type: observe.List, Doc: lang.T("Its tags.", "Sus etiquetas.")},
		{Name: "url", Type: observe.Text, Doc: lang.T("Its page in the tracker.", "Su página en el gestor.")},
		{Name: "size", Type: observe.Int, Doc: lang.T("How many items it is expected to become; 0 for one.", "En cuántos elementos se espera que se convierta; 0 es uno.")},
		{Name: "after", Type: observe.List, Doc: lang.T("The numbers of what it waits for.", "Los números de lo que espera.")},
		{Name: "created", Type: observe.Moment, Doc: lang.T("When it was written down.", "Cuándo se anotó.")},
		{Name: "started", Type: observe.Moment, Doc: lang.T("When work on it began.", "Cuándo empezó el trabajo.")},
		{Name: "closed", Type: observe.Moment, Doc: lang.T("When it was finished.", "Cuándo se terminó.")},
	},
}
