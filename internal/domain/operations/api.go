package operations

import (
	"encoding/json"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// API is an interface that a component offers to others. Definition is a text,
// or Backstage's {$text: address} of one that lies elsewhere.
type API struct {
	Type       string          `json:"type" en:"Type" es:"Tipo" req:"1" col:"1" filter:"1" search:"1" suggest:"openapi=OpenAPI|OpenAPI,asyncapi=AsyncAPI|AsyncAPI,graphql=GraphQL|GraphQL,grpc=gRPC|gRPC,mcp-server=MCP server|Servidor MCP" help:"The language its definition is written in." ayuda:"El lenguaje en que está escrita su definición." example:"openapi"`
	Lifecycle  string          `json:"lifecycle" en:"Lifecycle" es:"Ciclo de vida" col:"2" filter:"1" suggest:"experimental:info=Experimental|Experimental,production:ok=Production|En producción,deprecated:warn=Deprecated|Obsoleta" help:"How far along it is; what is deprecated should have no new users." ayuda:"En qué punto está; lo obsoleto no debe ganar usuarios." example:"production"`
	Owner      string          `json:"owner" en:"Owner" es:"Responsable" col:"3" ref:"group,user" rel:"ownedBy,ownerOf" help:"The team that answers for it." ayuda:"El equipo que responde de ella." example:"group:payments"`
	System     string          `json:"system" en:"System" es:"Sistema" col:"4" filter:"1" ref:"system" rel:"partOf,hasPart" help:"The system it is a part of." ayuda:"El sistema del que forma parte."`
	Definition json.RawMessage `json:"definition" en:"Definition" es:"Definición" help:"The interface itself, as text, or {$text: address} where it lies elsewhere." ayuda:"La interfaz misma, como texto, o {$text: dirección} si está en otro lugar."`
	Remotes    []Remote        `json:"remotes" en:"Endpoints" es:"Puntos de acceso" help:"Where an MCP server answers." ayuda:"Dónde responde un servidor MCP."`
}

// Remote is one address at which an API of type mcp-server answers.
type Remote struct {
	Type string `json:"type" en:"Transport" es:"Transporte" req:"1" suggest:"streamable-http,sse,stdio" example:"streamable-http"`
	URL  string `json:"url" en:"Address" es:"Dirección" req:"1" example:"https://tools.example.com/mcp"`
}

func apiKind() *catalog.Kind {
	return catalog.Of(catalog.Kind{
		Name: "API", Plural: "apis", Room: Room, Icon: "api", Order: 20,
		Title: lang.T("API", "API"), Titles: lang.T("APIs", "API"),
		Doc:      lang.T("The interfaces between components: who offers each, who relies on it, and what it promises.", "Las interfaces entre componentes: quién ofrece cada una, quién depende de ella y qué promete."),
		Versions: append(versions()[:1:1], append([]string{"backstage.io/v1alpha2"}, versions()[1:]...)...), Open: true,
		Examples: []string{`apiVersion: backstage.io/v1alpha1
kind: API
metadata:
  name: payments-api
  description: Charges, refunds and the state of both.
spec:
  type: openapi
  lifecycle: production
  owner: group:payments
  system: checkout
  definition: |
    openapi: 3.1.0
    info:
      title: Payments
      version: 4.2.0
    paths: {}
`, `apiVersion: backstage.io/v1alpha1
kind: API
metadata:
  name: seat-tools
spec:
  type: mcp-server
  lifecycle: experimental
  owner: group:booking
  remotes:
    - type: streamable-http
      url: https://tools.example.com/mcp
`},
		Invalid: []catalog.Invalid{
			{YAML: "apiVersion: backstage.io/v1alpha1\nkind: API\nmetadata: {name: x}\nspec: {definition: abc}\n", Want: "spec.type: is required"},
			{YAML: "apiVersion: backstage.io/v1alpha1\nkind: API\nmetadata: {name: x}\nspec: {type: openapi, definition: 12}\n", Want: "must be a text or an object"},
		},
	}, checkAPI)
}

// checkAPI refuses a definition that is neither text nor an object that points
// at one.
func checkAPI(_ *entity.Entity, s *API) []fault.Problem {
	if len(s.Definition) == 0 || s.Definition[0] == '"' || s.Definition[0] == '{' {
		return nil
	}
	return []fault.Problem{{Field: "spec.definition", Code: "definition", Msg: "must be a text or an object as {$text: address}"}}
}
