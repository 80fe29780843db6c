package driver

import (
	"bufio"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const operationMark = "//posthog:operation "

// contract names the 19 operations that tools are built on.
var contract = []string{
	"ListObjects", "GetFields", "Query", "CaptureEvent", "CaptureBatch", "Insights", "CreateInsight",
	"Events", "ExportEvents", "Persons", "Cohorts", "CreateCohort", "FeatureFlags", "EvaluateFlag",
	"Experiments", "Annotations", "CreateAnnotation", "ProjectInfo", "HealthCheck",
}

// endpoint is a line of testdata/operations.txt.
type endpoint struct {
	scopes  []string
	buckets []string
}

func readEndpoints(t *testing.T) map[string]endpoint {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", "operations.txt"))
	require.NoError(t, err)
	defer f.Close() //nolint:errcheck // read only
	list := make(map[string]endpoint)
	scope := regexp.MustCompile(`^[a-z_]+:(read|write)$`)
	for s := bufio.NewScanner(f); s.Scan(); {
		fields := strings.Fields(s.Text())
		if len(fields) == 0 || fields[0] == "#" {
			continue
		}
		require.Len(t, fields, 4, s.Text())
		name := fields[0] + " " + fields[1]
		require.NotContains(t, list, name)
		e := endpoint{buckets: strings.Split(fields[3], "|")}
		if fields[2] != "-" {
			e.scopes = strings.Split(fields[2], ",")
			for _, sc := range e.scopes {
				require.Regexp(t, scope, sc)
			}
		}
		list[name] = e
	}
	return list
}

// source is the driver's code, as far as these tests look into it.
type source struct {
	funcs  map[string][]*ast.FuncDecl // by name; a method stands under its own name
	consts map[string]string          // string constants
	files  []*ast.File
}

func parseDriver(t *testing.T) source {
	t.Helper()
	names, err := filepath.Glob("*.go")
	require.NoError(t, err)
	s := source{funcs: make(map[string][]*ast.FuncDecl), consts: make(map[string]string)}
	fset := token.NewFileSet()
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, name, nil, parser.ParseComments)
		require.NoError(t, err)
		s.files = append(s.files, f)
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok {
				s.funcs[fn.Name.Name] = append(s.funcs[fn.Name.Name], fn)
			}
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if v, ok := n.(*ast.ValueSpec); ok {
				for i, name := range v.Names {
					if i < len(v.Values) {
						if text, ok := s.text(v.Values[i]); ok {
							s.consts[name.Name] = text
						}
					}
				}
			}
			return true
		})
	}
	return s
}

// text gives the value of a constant string expression.
func (s source) text(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		return text, err == nil && e.Kind == token.STRING
	case *ast.Ident:
		text, ok := s.consts[e.Name]
		return text, ok
	}
	return "", false
}

// path gives an expression for a request's path with :id for what is only
// known at run time.
func (s source) path(e ast.Expr) string {
	if text, ok := s.text(e); ok {
		return text
	}
	switch e := e.(type) {
	case *ast.BinaryExpr:
		return s.path(e.X) + s.path(e.Y)
	case *ast.ParenExpr:
		return s.path(e.X)
	}
	return ":id"
}

// method gives the HTTP method of an expression, "" when unknown.
func (s source) method(e ast.Expr) string {
	if sel, ok := e.(*ast.SelectorExpr); ok {
		return strings.ToUpper(strings.TrimPrefix(sel.Sel.Name, "Method"))
	}
	text, _ := s.text(e)
	return text
}

// marks gives the operation comments of a function.
func marks(fn *ast.FuncDecl) (list []string) {
	if fn.Doc == nil {
		return nil
	}
	for _, c := range fn.Doc.List {
		if text, ok := strings.CutPrefix(c.Text, operationMark); ok {
			list = append(list, text)
		}
	}
	return list
}

// isOperation reports an exported method of Client that takes a context.
func isOperation(fn *ast.FuncDecl) bool {
	if fn.Recv == nil || !fn.Name.IsExported() || len(fn.Type.Params.List) == 0 {
		return false
	}
	star, ok := fn.Recv.List[0].Type.(*ast.StarExpr)
	if !ok || fmt.Sprint(star.X) != "Client" {
		return false
	}
	sel, ok := fn.Type.Params.List[0].Type.(*ast.SelectorExpr)
	return ok && sel.Sel.Name == "Context"
}

// sends reports whether a function of the name reaches the pipeline, through
// whatever other functions of the package but operations that say so themselves.
func (s source) sends(name string, seen map[string]bool) bool {
	if name == "do" {
		return true
	}
	root := len(seen) == 0
	if seen[name] {
		return false
	}
	seen[name] = true
	found := false
	for _, fn := range s.funcs[name] {
		if !root && isOperation(fn) && len(marks(fn)) > 0 {
			continue
		}
		ast.Inspect(fn.Body, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || found {
				return !found
			}
			fun := call.Fun
			if index, ok := fun.(*ast.IndexExpr); ok { // paginate[T](...)
				fun = index.X
			}
			callee := ""
			switch f := fun.(type) {
			case *ast.Ident:
				callee = f.Name
			case *ast.SelectorExpr:
				if id, ok := f.X.(*ast.Ident); ok && id.Name != "c" && f.Sel.Name == "do" {
					return true // somebody else's do
				}
				callee = f.Sel.Name
			}
			found = callee != "" && s.sends(callee, seen)
			return !found
		})
	}
	return found
}

// TestOperationsAreTheReferences: every operation comment names an endpoint of
// the reference, and every endpoint of the list is used.
func TestOperationsAreTheReferences(t *testing.T) {
	t.Parallel()
	list, used := readEndpoints(t), make(map[string]bool)
	for name, fns := range parseDriver(t).funcs {
		for _, fn := range fns {
			for _, m := range marks(fn) {
				require.Contains(t, list, m, "%s: not in testdata/operations.txt", name)
				used[m] = true
			}
		}
	}
	for name := range list {
		require.True(t, used[name], "%s is in testdata/operations.txt, but no method names it", name)
	}
}

// TestEveryOperationNamesItsEndpoints: a method that sends says what it sends,
// and the 19 operations of the contract exist.
func TestEveryOperationNamesItsEndpoints(t *testing.T) {
	t.Parallel()
	s := parseDriver(t)
	var have []string
	for name, fns := range s.funcs {
		for _, fn := range fns {
			if !isOperation(fn) {
				continue
			}
			have = append(have, name)
			if s.sends(name, make(map[string]bool)) && len(marks(fn)) == 0 {
				t.Errorf("%s sends requests but has no %s comment", name, strings.TrimSpace(operationMark))
			}
		}
	}
	for _, name := range contract {
		require.Contains(t, have, name)
		i := slices.IndexFunc(s.funcs[name], isOperation)
		require.NotEmpty(t, marks(s.funcs[name][i]), name)
	}
	require.True(t, s.sends("Cohorts", make(map[string]bool)), "the search itself must work")
}

// TestRequestsAreTheReferences looks at every request that the code makes:
// endpoint and quota bucket must be the reference's.
func TestRequestsAreTheReferences(t *testing.T) {
	t.Parallel()
	s, list := parseDriver(t), readEndpoints(t)
	buckets := map[string]string{
		"BucketStandard": "standard", "BucketClickHouse": "clickhouse", "BucketQueries": "api_queries",
		"BucketPersons": "persons", "BucketPersonsDelete": "persons_delete", "BucketValues": "event_values", "": "-",
	}
	checked := make(map[string]bool)
	for _, f := range s.files {
		ast.Inspect(f, func(n ast.Node) bool {
			lit, ok := n.(*ast.CompositeLit)
			if !ok || fmt.Sprint(lit.Type) != "request" {
				return true
			}
			fields := make(map[string]ast.Expr)
			for _, e := range lit.Elts {
				if kv, ok := e.(*ast.KeyValueExpr); ok {
					fields[fmt.Sprint(kv.Key)] = kv.Value
				}
			}
			path := fields["path"]
			if path == nil || s.method(fields["method"]) == "" {
				return true
			}
			where := strings.ReplaceAll(s.path(path), projectPlaceholder, ":project_id")
			if !strings.HasPrefix(where, "/") {
				return true // a helper that gets its path
			}
			name := s.method(fields["method"]) + " " + where
			e, known := list[name]
			require.True(t, known, "%s is sent, but is not in testdata/operations.txt", name)
			bucket := ""
			if sel, ok := fields["bucket"].(*ast.SelectorExpr); ok {
				bucket = sel.Sel.Name
			}
			require.Contains(t, e.buckets, buckets[bucket], name)
			checked[name] = true
			return true
		})
	}
	require.GreaterOrEqual(t, len(checked), 12, "%v", slices.Sorted(maps.Keys(checked)))
}

// TestNoOtherPaths: no endpoint hides in a string that the tests above cannot
// follow to a request.
func TestNoOtherPaths(t *testing.T) {
	t.Parallel()
	list := readEndpoints(t)
	known := func(text string) bool {
		for name := range list {
			_, path, _ := strings.Cut(name, " ")
			if strings.HasPrefix(path, text) {
				return true
			}
		}
		return false
	}
	for _, f := range parseDriver(t).files {
		ast.Inspect(f, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				return true
			}
			text, err := strconv.Unquote(lit.Value)
			require.NoError(t, err)
			if !strings.HasPrefix(text, "/api/") && !strings.HasPrefix(text, "/i/") {
				return true
			}
			text = strings.ReplaceAll(text, projectPlaceholder, ":project_id")
			require.True(t, known(text), "%s is no endpoint of testdata/operations.txt", text)
			return true
		})
	}
}
