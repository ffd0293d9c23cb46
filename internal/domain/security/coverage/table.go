package coverage

import (
	"context"

	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// table lets claims ask how well techniques are looked for.
func (s *service) table() *claim.Table {
	col := func(name, en, es string) claim.Column { return claim.Column{Name: name, Doc: lang.T(en, es)} }
	return &claim.Table{
		Name: "techniques", Title: lang.T("Techniques of ATT&CK", "Técnicas de ATT&CK"), Page: "/attack/",
		Doc: lang.T("One row for each technique of MITRE ATT&CK that is no part of another. Tests and findings are counted up to the moment that is asked about; which rules are on, and what comes in, is as of now.",
			"Una fila por cada técnica de MITRE ATT&CK que no es parte de otra. Las pruebas y los hallazgos se cuentan hasta el momento por el que se pregunta; qué reglas están activas, y qué llega, es el de ahora."),
		Fields: []claim.Column{
			col("id", "Its number, T1078.", "Su número, T1078."), col("title", "Its name.", "Su nombre."), col("tactic", "Its first tactic, by its short name.", "Su primera táctica, por su nombre corto."),
			col("tactics", "All of its tactics.", "Todas sus tácticas."), col("platforms", "Where it happens.", "Dónde ocurre."),
			col("state", "tested, before, untested, logs or no-logs.", "tested, before, untested, logs o no-logs."), col("tested", "Whether a rule for it passed a test in 90 days.", "Si una regla para ella pasó una prueba en 90 días."),
			col("failed", "Whether the last test of one of its rules failed.", "Si falló la última prueba de alguna de sus reglas."),
			col("rules", "How many rules that are on look for it.", "Cuántas reglas activas la buscan."), col("fired", "How many findings they had in 90 days.", "Cuántos hallazgos tuvieron en 90 días."),
			col("logs", "How many sources that come in could show it.", "Cuántos orígenes que llegan podrían mostrarla."),
			col("blind", "Whether rules look for it and none of the logs they are for comes in.", "Si hay reglas que la buscan y no llega ninguno de los registros a los que miran."),
			col("scope", "Whether it could happen here: logs of its platforms come in, or a rule looks for it.", "Si puede ocurrir aquí: llegan registros de sus plataformas, o una regla la busca."),
		},
		Scan: func(ctx context.Context, _ sqldb.Querier, org string, m claim.Moment, yield claim.Yield) error {
			o, err := s.overall(ctx, org, m.At)
			if err != nil {
				return err
			}
			for _, x := range o.Techniques {
				if err := yield(x.ID, x.ID+" "+x.Name, x.row()); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func (x *standing) row() map[string]any {
	list := func(texts []string) []any {
		out := make([]any, len(texts))
		for i, t := range texts {
			out[i] = t
		}
		return out
	}
	return map[string]any{"id": x.ID, "title": x.Name, "tactic": x.Tactics[0], "tactics": list(x.Tactics), "platforms": list(x.Platforms), "state": string(x.State), "tested": x.State == Tested,
		"failed": x.Failed, "rules": int64(len(x.Rules)), "fired": int64(x.Fired), "logs": int64(len(x.Sources)), "blind": x.Blind, "scope": x.Scope}
}
