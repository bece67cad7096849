package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
)

// A mutant is one small change of one file.
type mutant struct {
	file     string // the path of the file, relative to the module
	line     int
	what     string // the operator
	text     string // the line before the change
	from, to int    // the offsets of the replaced text
	with     string
}

// key identifies the mutant, even after lines above it have changed.
func (m mutant) key() string { return m.file + ": " + m.what + ": " + m.text }

// swaps maps an operator of Go to its replacement and the name of the change.
var swaps = map[token.Token]struct {
	with token.Token
	what string
}{
	token.LSS: {token.LEQ, "boundary"}, token.LEQ: {token.LSS, "boundary"},
	token.GTR: {token.GEQ, "boundary"}, token.GEQ: {token.GTR, "boundary"},
	token.EQL: {token.NEQ, "negated"}, token.NEQ: {token.EQL, "negated"},
	token.LAND: {token.LOR, "logic"}, token.LOR: {token.LAND, "logic"},
	token.ADD: {token.SUB, "arithmetic"}, token.SUB: {token.ADD, "arithmetic"},
	token.MUL: {token.QUO, "arithmetic"}, token.QUO: {token.MUL, "arithmetic"},
}

// zeros has the replacements for returned values, by the source text of the type.
var zeros = map[string]string{"error": "nil", "string": `""`, "int": "0", "int64": "0", "time.Duration": "0", "time.Time": "time.Time{}"}

// mutantsOf returns every mutant of a source file. Some of them do not compile, such as a sum of
// strings that becomes a difference.
func mutantsOf(file string, source []byte) ([]mutant, error) {
	set := token.NewFileSet()
	tree, err := parser.ParseFile(set, file, source, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	lines := strings.Split(string(source), "\n")
	offset := func(p token.Pos) int { return set.Position(p).Offset }
	text := func(n ast.Node) string { return string(source[offset(n.Pos()):offset(n.End())]) }
	var found []mutant
	add := func(what string, from, to token.Pos, with string) {
		line := set.Position(from).Line
		found = append(found, mutant{file, line, what, strings.TrimSpace(lines[line-1]), offset(from), offset(to), with})
	}
	var results []*ast.FieldList // the functions that contain the current node
	var walk func(ast.Node) bool
	walk = func(n ast.Node) bool {
		within := func(f *ast.FuncType, body *ast.BlockStmt) bool {
			if body != nil {
				results = append(results, f.Results)
				ast.Inspect(body, walk)
				results = results[:len(results)-1]
			}
			return false
		}
		switch n := n.(type) {
		case *ast.FuncDecl:
			return within(n.Type, n.Body)
		case *ast.FuncLit:
			return within(n.Type, n.Body)
		case *ast.IfStmt:
			if _, compares := n.Cond.(*ast.BinaryExpr); !compares { // other conditions are negated below
				add("negated", n.Cond.Pos(), n.Cond.End(), "!("+text(n.Cond)+")")
			}
		case *ast.BinaryExpr:
			if swap, ok := swaps[n.Op]; ok {
				add(swap.what, n.OpPos, n.OpPos+token.Pos(len(n.Op.String())), swap.with.String())
			}
		case *ast.ExprStmt, *ast.IncDecStmt:
			add("removed", n.Pos(), n.End(), "")
		case *ast.AssignStmt:
			if n.Tok != token.DEFINE {
				add("removed", n.Pos(), n.End(), "")
			}
		case *ast.ReturnStmt:
			if with, ok := zeroed(n, results[len(results)-1], text); ok {
				add("zeroed", n.Pos(), n.End(), with)
			}
		}
		return true
	}
	for _, declaration := range tree.Decls {
		ast.Inspect(declaration, walk)
	}
	return found, nil
}

// zeroed returns the return statement with the zero values of its types. A boolean value is
// negated.
func zeroed(n *ast.ReturnStmt, types *ast.FieldList, text func(ast.Node) string) (with string, ok bool) {
	if types == nil {
		return "", false
	}
	var of []string
	for _, field := range types.List {
		for range max(len(field.Names), 1) {
			of = append(of, text(field.Type))
		}
	}
	if len(of) != len(n.Results) {
		return "", false
	}
	values := make([]string, len(of))
	for i, result := range n.Results {
		zero, known := zeros[of[i]]
		switch {
		case of[i] == "bool":
			zero, known = fmt.Sprintf("!(%s)", text(result)), true
		case strings.HasPrefix(of[i], "*") || strings.HasPrefix(of[i], "[]") || strings.HasPrefix(of[i], "map["):
			zero, known = "nil", true
		}
		values[i] = text(result)
		if known && values[i] != zero {
			values[i], ok = zero, true
		}
	}
	return "return " + strings.Join(values, ", "), ok
}
