package opencode

import (
	"bytes"
	"io"
	"regexp"
	"strings"
	"sync"
)

// Strings in an OpenCode program. agentMark is in Bun's start options, near the program's end
// ("--user-agent=opencode/1.18.33 ", "--user-agent=opencode/latest/2.0.15/cli "). secondMark is
// only in version 2. Source: the programs of 1.18.33 and 2.0.15.
const (
	agentMark  = "--user-agent=opencode/"
	secondMark = "OPENCODE_CLI_CONFIG_CONTENT"
)

// scanTail is how much of a program's end is searched first, in bytes. agentText is how much is
// read after agentMark.
const (
	scanTail  = 8 << 20
	agentText = 128
)

// scanned returns the result of scan for the file at path, from the cache if possible.
func scanned(path string, cache *Cache) (Program, error) {
	f, info, err := openRegular(path)
	if err != nil {
		return Program{}, err
	}
	defer func() { _ = f.Close() }()
	if p, ok := cache.get(path, info); ok {
		return p, nil
	}
	p, err := scan(f, info.Size())
	if err == nil {
		cache.put(path, info, p)
	}
	return p, err
}

// scan searches a program of this size, in bytes, for agentMark and secondMark. It searches the end
// first, because the whole file is about 200 MB.
func scan(program io.ReaderAt, size int64) (Program, error) {
	var s marks
	tail := max(size-scanTail, 0)
	if err := s.read(io.NewSectionReader(program, tail, size-tail)); err != nil {
		return Program{}, err
	}
	if p := s.program(); p.Generation != 0 || tail == 0 {
		return p, nil
	}
	err := s.read(io.NewSectionReader(program, 0, size))
	return s.program(), err
}

// marks records which of the two marks were found.
type marks struct {
	agent  string // the text after agentMark; empty if agentMark was not found
	second bool
}

// read searches all of r.
func (s *marks) read(r io.Reader) error {
	return inChunks(r, len(agentMark)+agentText, func(chunk []byte) {
		s.second = s.second || bytes.Contains(chunk, []byte(secondMark))
		if _, behind, found := bytes.Cut(chunk, []byte(agentMark)); found && s.agent == "" {
			s.agent = string(behind[:min(agentText, len(behind))])
		}
	})
}

var agentPattern = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(?:[0-9A-Za-z._-]+/)?([0-9]+\.[0-9]+\.[0-9]+[0-9A-Za-z.+-]*)(?:/[a-z]+)?[ \x00]`)
})

// program returns the version and the generation that the found marks show.
func (s *marks) program() Program {
	var p Program
	if m := agentPattern().FindStringSubmatch(s.agent); m != nil {
		p.setVersion(m[1])
	}
	switch {
	case p.Generation != 0:
	case s.second:
		p.Generation = 2
	case s.agent != "" && strings.HasPrefix(p.Version, "0.0.0"):
		p.Generation = 1 // a build from OpenCode's sources
	}
	return p
}
