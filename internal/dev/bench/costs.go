package main

import (
	"cmp"
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// costs are the costs of a part of the program. Every command has them, even if it does not use it.
type costs struct {
	code      float64 // bytes of machine code in the program file
	start     float64 // ms of package initialization at each start
	allocated float64 // bytes allocated by the initialization
}

// ownPart is the code of this project. The other parts are modules, named by their path, and parts
// of Go's library.
const ownPart = "ocgo-key"

// benchCosts makes the section about the cost of each dependency.
func benchCosts(ctx context.Context, s *settings) (*report, error) {
	s.log("the parts of the program")
	info, err := buildinfo.ReadFile(s.binary)
	if err != nil {
		return nil, err
	}
	var modules []string
	for _, m := range info.Deps {
		modules = append(modules, m.Path)
	}
	parts := make(map[string]*costs)
	of := func(pkg string) *costs {
		part := partOf(pkg, modules)
		if parts[part] == nil {
			parts[part] = new(costs)
		}
		return parts[part]
	}
	if err := codeSizes(ctx, s.symbols, of); err != nil {
		return nil, err
	}
	if err := startTimes(ctx, s.binary, s.effort.initRounds, of); err != nil {
		return nil, err
	}
	r := &report{
		title:   "What each dependency costs",
		columns: []string{"part", "machine code", "share", "at each start", "allocated there"},
		notes: []string{
			"\"Machine code\" is the sum of the sizes of the part's functions (`go tool nm`). The program file is larger: it also has line tables, " +
				"and symbols for debuggers that releases do not have.",
			fmt.Sprintf("\"At each start\" is the initialization of the part's packages, in every command (`GODEBUG=inittrace=1 ocgo-key version`). It is the sum "+
				"over the packages, with the median of %d starts for each package.", s.effort.initRounds),
		},
	}
	var total costs
	for _, c := range parts {
		total.code, total.start, total.allocated = total.code+c.code, total.start+c.start, total.allocated+c.allocated
	}
	line := func(name string, c costs) {
		r.rows = append(r.rows, row{cells: []string{name, kb(c.code), fmt.Sprintf("%.0f %%", 100*c.code/total.code), ms(c.start), kb(c.allocated)}})
	}
	bySize := func(a, b string) int { return cmp.Compare(parts[b].code, parts[a].code) }
	for _, name := range slices.SortedFunc(maps.Keys(parts), bySize) {
		line(name, *parts[name])
	}
	line("all", total)
	return r, nil
}

// codeSizes adds up the sizes of the functions of each package.
func codeSizes(ctx context.Context, binary string, of func(pkg string) *costs) error {
	out, err := exec.CommandContext(ctx, "go", "tool", "nm", "-size", binary).Output()
	if err != nil {
		return fmt.Errorf("go tool nm: %w", err)
	}
	for line := range strings.Lines(string(out)) {
		var address, kind, name string
		var size float64
		if n, _ := fmt.Sscan(line, &address, &size, &kind, &name); n < 4 || !strings.EqualFold(kind, "t") {
			continue
		}
		of(packageOf(name)).code += size
	}
	return nil
}

// packageOf returns the import path of a symbol: net/http for "net/http.(*Client).Do".
func packageOf(symbol string) string {
	symbol, _, _ = strings.Cut(symbol, "[") // the type arguments of a generic function contain further paths
	symbol, _, _ = strings.Cut(symbol, "(")
	for _, made := range []string{"type:.eq.", "type:.hash."} {
		symbol = strings.TrimPrefix(symbol, made)
	}
	folder := strings.LastIndexByte(symbol, '/') + 1
	last, _, _ := strings.Cut(symbol[folder:], ".")
	return symbol[:folder] + strings.ReplaceAll(last, "%2e", ".")
}

// partOf returns the part that a package belongs to.
func partOf(pkg string, modules []string) string {
	below := func(paths ...string) bool {
		return slices.ContainsFunc(paths, func(path string) bool { return pkg == path || strings.HasPrefix(pkg, path+"/") })
	}
	for _, module := range modules {
		if below(module) {
			return module
		}
	}
	switch {
	case below(ownPart, "main"):
		return ownPart
	case below("runtime", "internal/runtime"):
		return "Go's runtime"
	case below("net", "vendor/golang.org/x/net"):
		return "Go's net and net/http"
	case below("crypto", "vendor/golang.org/x/crypto"):
		return "Go's crypto, for TLS and age"
	}
	return "the rest of Go's library"
}

// startTimes adds up the initialization times of each package.
func startTimes(ctx context.Context, binary string, rounds int, of func(pkg string) *costs) error {
	took, allocated := make(map[string][]float64), make(map[string]float64)
	for range rounds {
		var stderr strings.Builder
		cmd := exec.CommandContext(ctx, binary, "version")
		cmd.Env, cmd.Stderr = append(os.Environ(), "GODEBUG=inittrace=1"), &stderr
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("version: %w", err)
		}
		for line := range strings.Lines(stderr.String()) {
			var pkg string
			var at, clock, bytes float64
			if n, _ := fmt.Sscanf(line, "init %s @%f ms, %f ms clock, %f bytes", &pkg, &at, &clock, &bytes); n == 4 {
				took[pkg], allocated[pkg] = append(took[pkg], clock), bytes
			}
		}
	}
	if len(took) == 0 {
		return errors.New("the program printed no line about the initialization of a package")
	}
	for pkg, samples := range took {
		c := of(pkg)
		c.start, c.allocated = c.start+median(samples), c.allocated+allocated[pkg]
	}
	return nil
}

// kb formats bytes as kilobytes of 2^10.
func kb(v float64) string { return fmt.Sprintf("%.0f kB", v/(1<<10)) }
