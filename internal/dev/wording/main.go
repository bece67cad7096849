// Command wording draws random sentences from the project's comments, messages and pages. A reader
// who does not know the project marks the sentences that have to be read twice, so that they can be
// rewritten.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

func main() {
	count := flag.Int("count", 40, "how many sentences to draw")
	seed := flag.Uint64("seed", 1, "another seed draws others")
	flag.Parse()
	sentences, err := collect(".")
	if err != nil {
		fmt.Fprintln(os.Stderr, "wording:", err)
		os.Exit(1)
	}
	for i, s := range draw(sentences, *count, *seed) {
		fmt.Printf("%d. %v\n", i+1, s)
	}
}

// A sentence is part of a comment, a message or a page. before is the text that precedes the
// sentence in the comment, message or paragraph.
type sentence struct{ file, before, text string }

// String returns the sentence with its context: `(Before.) The sentence. (file.go)`.
func (s sentence) String() string {
	context := ""
	if s.before != "" {
		context = "(" + s.before + ") "
	}
	return fmt.Sprintf("%s%s (%s)", context, s.text, s.file)
}

// draw returns count random sentences. The same seed gives the same sentences.
func draw(from []sentence, count int, seed uint64) []sentence {
	r := rand.New(rand.NewPCG(seed, seed))
	var drawn []sentence
	for _, i := range r.Perm(len(from)) {
		if len(drawn) == count {
			break
		}
		drawn = append(drawn, from[i])
	}
	return drawn
}

// collect reads all Go files and pages below root, in the order of their names.
func collect(root string) (all []sentence, err error) {
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && path != root):
			return fs.SkipDir
		case strings.HasSuffix(path, ".md"):
			return ofPage(path, &all)
		case strings.HasSuffix(path, ".go"):
			return ofSource(path, &all)
		}
		return nil
	})
	return all, err
}

// code matches the beginning of a string that is a script or a database query.
var code = regexp.MustCompile(`^(#!|(SELECT|INSERT|UPDATE|DELETE|CREATE|PRAGMA) )`)

// ofSource collects the comments, messages and help texts of a Go file. It skips the strings of
// tests.
func ofSource(path string, all *[]sentence) error {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
	if err != nil {
		return err
	}
	names := documented(file)
	for _, group := range file.Comments {
		text := group.Text()
		if name := names[group]; strings.HasPrefix(text, name+" ") {
			text = "`" + name + "`" + strings.TrimPrefix(text, name)
		}
		take(path, text, all)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING && !strings.HasSuffix(path, "_test.go") {
			text, _ := strconv.Unquote(lit.Value) // the parser has accepted it
			if !code.MatchString(text) {
				take(path, text, all)
			}
		}
		return true
	})
	return nil
}

// documented returns the name that each doc comment begins with. A reader of the file recognizes it
// as an identifier.
func documented(file *ast.File) map[*ast.CommentGroup]string {
	names := map[*ast.CommentGroup]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			names[n.Doc] = n.Name.Name
		case *ast.GenDecl:
			if len(n.Specs) == 1 {
				names[n.Doc] = nameOf(n.Specs[0])
			}
		case *ast.TypeSpec:
			names[n.Doc] = n.Name.Name
		case *ast.ValueSpec:
			names[n.Doc] = nameOf(n)
		case *ast.Field:
			if len(n.Names) > 0 {
				names[n.Doc] = n.Names[0].Name
			}
		}
		return true
	})
	return names
}

func nameOf(spec ast.Spec) string {
	switch spec := spec.(type) {
	case *ast.TypeSpec:
		return spec.Name.Name
	case *ast.ValueSpec:
		return spec.Names[0].Name
	}
	return ""
}

// ofPage collects the paragraphs and list items of a page. It skips headings, tables, code and comments.
func ofPage(path string, all *[]sentence) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	var prose strings.Builder
	inCode := false
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if strings.HasPrefix(line, "```") {
			inCode = !inCode
		}
		if inCode || strings.HasPrefix(line, "```") || strings.HasPrefix(line, "|") || strings.HasPrefix(line, "#") || strings.HasPrefix(line, "<!--") {
			line = ""
		}
		if begin := strings.TrimPrefix(line, "- "); begin != line {
			line = "\n" + begin
		}
		if line == "" {
			prose.WriteByte('\n')
		}
		prose.WriteString(line + " ")
	}
	for paragraph := range strings.SplitSeq(prose.String(), "\n") {
		take(path, paragraph, all)
	}
	return lines.Err()
}

// sentenceEnd matches the end of a sentence if no lower-case letter follows.
var sentenceEnd = regexp.MustCompile(`[.!?]\)?\s+`)

// A text with fewer than leastWords words is not a sentence. The verbs of a format string are not
// words.
const leastWords = 4

var (
	formatVerb = regexp.MustCompile(`%[-+# 0]*[\d*]*(\.[\d*]+)?[a-zA-Z]`)
	word       = regexp.MustCompile(`\S*\pL\S*`)
)

// take adds the sentences of a text.
func take(path, text string, all *[]sentence) {
	text = strings.Join(strings.Fields(text), " ")
	start := 0
	add := func(end int) {
		s := strings.TrimSpace(text[start:end])
		if len(word.FindAllString(formatVerb.ReplaceAllString(s, ""), leastWords)) == leastWords {
			*all = append(*all, sentence{path, strings.TrimSpace(text[:start]), s})
		}
		start = end
	}
	for _, at := range sentenceEnd.FindAllStringIndex(text, -1) {
		if at[1] < len(text) && (text[at[1]] < 'a' || text[at[1]] > 'z') {
			add(at[1])
		}
	}
	add(len(text))
}
