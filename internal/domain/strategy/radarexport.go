package strategy

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/domain/strategy/radarfile"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// radarFormats are the names of the formats with what radarfile calls them and
// the ending of their files.
var radarFormats = []struct {
	name   string
	format radarfile.Format
	ending string
}{
	{"byor-csv", radarfile.BYORCSV, ".csv"}, {"byor-json", radarfile.BYORJSON, ".json"}, {"zalando", radarfile.Zalando, ".json"},
	{"volumes", radarfile.Volumes, ".csv"}, {"backstage", radarfile.Backstage, ".json"}, {"aoe", radarfile.AOE, ".md"},
}

func radarExporter() catalog.Exporter {
	x := catalog.Exporter{
		Name: "radar", Room: Room,
		Title: lang.T("Technology radar", "Radar tecnológico"),
		Doc: lang.T("An edition of a radar as a file with its movements. Arguments: edition, the latest when none is named, or all for a file each; radar, when there are several. The formats backstage and aoe hold all editions and need their dates.",
			"Una edición de un radar como fichero, con sus movimientos. Argumentos: edition, la última si no se nombra ninguna, o all para un fichero de cada una; radar, si hay varios. Los formatos backstage y aoe contienen todas las ediciones y necesitan sus fechas."),
		Args: []catalog.Arg{
			{Name: "edition", Doc: lang.T("which edition, the latest when none is named, or all", "qué edición, la última si no se nombra ninguna, o all")},
			{Name: "radar", Doc: lang.T("which radar, when there are several", "qué radar, si hay varios")},
		},
		Write: exportRadar,
	}
	for _, f := range radarFormats {
		x.Formats = append(x.Formats, f.name)
	}
	return x
}

func exportRadar(ctx context.Context, c *catalog.Catalog, caller catalog.Caller, opts catalog.ExportOptions) ([]catalog.File, error) {
	b, err := openBoard(ctx, c, caller, opts.Args["radar"])
	if err != nil {
		return nil, err
	}
	if len(b.Editions) == 0 {
		return nil, fault.New(fault.NotFound, "the radar %q has no edition", b.Radar).Coded("radar.no-editions").WithHint("import one: binnacle import radar FILE")
	}
	f := radarFormats[0]
	for _, have := range radarFormats {
		if have.name == opts.Format {
			f = have
		}
	}
	editions := radarfile.Publish(b.published(), b.rings(nil))
	switch f.format {
	case radarfile.AOE:
		var files []catalog.File
		err := radarfile.WriteAOE(editions, func(name string, data []byte) error {
			files = append(files, catalog.File{Name: name, Data: bytes.Clone(data)})
			return nil
		})
		return files, err
	case radarfile.Backstage:
		return written(f.format, b.Radar+f.ending, editions...)
	}
	return b.each(editions, opts.Args["edition"], f.format, f.ending)
}

// each writes the edition asked for, or a file for each of them.
func (b *board) each(editions []radarfile.Edition, asked string, format radarfile.Format, ending string) ([]catalog.File, error) {
	if asked == "all" {
		var files []catalog.File
		for _, e := range editions {
			one, err := written(format, e.Name+ending, e)
			if err != nil {
				return nil, err
			}
			files = append(files, one...)
		}
		return files, nil
	}
	asked = cmp.Or(asked, b.latest().name())
	i := slices.IndexFunc(editions, func(e radarfile.Edition) bool { return e.Name == asked })
	if i < 0 {
		return nil, fault.New(fault.NotFound, "the radar %q has no edition %q", b.Radar, asked).Coded("radar.no-edition-of").WithHint("the latest is %s", b.latest().name())
	}
	return written(format, asked+ending, editions[i])
}

func written(format radarfile.Format, name string, editions ...radarfile.Edition) ([]catalog.File, error) {
	var out bytes.Buffer
	if err := radarfile.Write(&out, format, editions...); err != nil {
		return nil, err
	}
	return []catalog.File{{Name: name, Data: out.Bytes()}}, nil
}

// published returns the editions as radarfile knows them, their blips by
// segment, ring and name.
func (b *board) published() []radarfile.Edition {
	var out []radarfile.Edition
	for _, e := range b.Editions {
		r := radarfile.Edition{Name: e.name(), Rings: e.Spec.Rings, Segments: e.Spec.Segments}
		if e.Spec.Date != "" {
			r.Date, _ = time.Parse(time.DateOnly, e.Spec.Date) // a day, by the schema
		}
		for _, t := range b.Techs {
			if x := t.on(e.name()); x != nil {
				r.Blips = append(r.Blips, radarfile.Blip{
					Name: cmp.Or(x.Title, t.DisplayTitle()), Ring: x.Ring, Segment: cmp.Or(x.Segment, t.Spec.Segment), Description: x.Description,
					Link: x.Link, Tags: t.Metadata.Tags, Related: x.Related, Inactive: x.Hidden,
				})
			}
		}
		e.order(r.Blips)
		out = append(out, r)
	}
	return out
}

// order sorts blips by segment, ring and name.
func (e *edition) order(blips []radarfile.Blip) {
	slices.SortStableFunc(blips, func(x, y radarfile.Blip) int {
		return cmp.Or(cmp.Compare(e.segment(x.Segment), e.segment(y.Segment)), cmp.Compare(e.ring(x.Ring), e.ring(y.Ring)),
			strings.Compare(radarfile.Fold(x.Name), radarfile.Fold(y.Name)))
	})
}

// segment returns the place of a segment on the edition, -1 when it has none.
func (e *edition) segment(name string) int {
	return slices.IndexFunc(e.Spec.Segments, func(s string) bool { return radarfile.FoldSegment(s) == radarfile.FoldSegment(name) })
}

// ring returns the place of a ring on the edition from the centre, -1 when it
// has none.
func (e *edition) ring(name string) int {
	return slices.IndexFunc(e.Spec.Rings, func(s string) bool { return radarfile.FoldRing(s) == radarfile.FoldRing(name) })
}
