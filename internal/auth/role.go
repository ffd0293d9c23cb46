package auth

import "github.com/binnaclehq/binnacle/internal/lang"

// Role is what an account is in an organisation. An account may have another
// role in each organisation it belongs to.
type Role string

// The roles.
const (
	RoleOwner   Role = "owner"
	RoleCTO     Role = "cto"
	RoleCISO    Role = "ciso"
	RoleVCISO   Role = "vciso"
	RoleLead    Role = "lead"
	RoleMember  Role = "member"
	RoleAuditor Role = "auditor"
	RoleIngest  Role = "ingest"
)

// RoleInfo describes a role to people.
type RoleInfo struct {
	Role    Role
	Title   lang.Text
	Summary lang.Text // one sentence
}

// Roles lists the roles, the widest first.
var Roles = []RoleInfo{
	{RoleOwner, lang.T("Owner", "Propietario"), lang.T("May do everything, and alone names other owners.", "Puede hacerlo todo y es el único que nombra a otros propietarios.")},
	{RoleCTO, lang.T("CTO", "CTO"), lang.T("Answers for every room: reads, writes and deletes everywhere, gives roles up to CTO and reads the audit log.", "Responde de todas las salas: lee, escribe y borra en todas, da funciones hasta CTO y lee el registro de auditoría.")},
	{RoleCISO, lang.T("CISO", "CISO"), lang.T("Answers for security: reads everything, writes in security, governance and operations, reads the audit log.", "Responde de la seguridad: lee todo, escribe en seguridad, gobierno y operaciones, y lee el registro de auditoría.")},
	{RoleVCISO, lang.T("vCISO", "vCISO"), lang.T("Serves as CISO in several organisations with one sign-in.", "Ejerce de CISO en varias organizaciones con un solo inicio de sesión.")},
	{RoleLead, lang.T("Team lead", "Responsable de equipo"), lang.T("Leads teams: reads everything, writes in strategy, delivery, operations and people.", "Dirige equipos: lee todo y escribe en estrategia, entrega, operaciones y personas.")},
	{RoleMember, lang.T("Member", "Miembro"), lang.T("Works here: reads everything, comments, writes in strategy, delivery and operations.", "Trabaja aquí: lee todo, comenta y escribe en estrategia, entrega y operaciones.")},
	{RoleAuditor, lang.T("Auditor", "Auditor"), lang.T("Reads and comments until a date, reads the audit log, never changes anything.", "Lee y comenta hasta una fecha, lee el registro de auditoría y nunca cambia nada.")},
	{RoleIngest, lang.T("Ingest", "Ingesta"), lang.T("A machine that writes events and reads nothing.", "Una máquina que escribe eventos y no lee nada.")},
}

// Valid reports whether r is one of Roles.
func (r Role) Valid() bool { return r.Info().Role != "" }

// Info describes r; the zero RoleInfo for an unknown role.
func (r Role) Info() RoleInfo {
	for _, i := range Roles {
		if i.Role == r {
			return i
		}
	}
	return RoleInfo{}
}
