package supervise

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
)

// maxInput is how much of a piped prompt is kept for a second invocation, in bytes.
const maxInput = 64 << 20

var errInputGone = errors.New("what it read from stdin is gone")

// Input is a command's standard input, kept so that a second invocation reads the same. A nil Input
// is one that need not be kept, such as a terminal.
type Input struct {
	file   *os.File // a regular file, which can be read again from
	offset int64
	kept   []byte    // of a pipe
	rest   io.Reader // what was not kept: it can be read once
	spent  bool
}

// KeepInput prepares f for being read more than once. From a pipe it reads all there is, up to its
// end: so would OpenCode, before it does anything.
func KeepInput(f *os.File) (*Input, error) {
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice != 0 {
		return nil, nil
	}
	if info.Mode().IsRegular() {
		offset, err := f.Seek(0, io.SeekCurrent)
		return &Input{file: f, offset: offset}, err
	}
	var kept bytes.Buffer
	n, err := kept.ReadFrom(io.LimitReader(f, maxInput+1))
	i := &Input{kept: kept.Bytes()}
	if n > maxInput {
		i.rest = f
	}
	return i, err
}

// keepInput is KeepInput until ctx ends. Then a read that is under way is left to itself: nothing
// ends it but its file.
func keepInput(ctx context.Context, f *os.File) (*Input, error) {
	type kept struct {
		input *Input
		err   error
	}
	read := make(chan kept, 1)
	go func() {
		input, err := KeepInput(f)
		read <- kept{input, err}
	}()
	select {
	case k := <-read:
		return k.input, k.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Again reports whether Open can be called (again).
func (i *Input) Again() bool { return i == nil || i.rest == nil || !i.spent }

// Open returns the file that the next invocation reads; nil for our own stdin.
func (i *Input) Open() (*os.File, error) {
	switch {
	case i == nil:
		return nil, nil
	case i.file != nil:
		_, err := i.file.Seek(i.offset, io.SeekStart)
		return i.file, err
	case !i.Again():
		return nil, errInputGone
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	var source io.Reader = bytes.NewReader(i.kept)
	if i.rest != nil {
		i.spent = true
		source = io.MultiReader(source, i.rest)
	}
	go func() {
		_, _ = io.Copy(w, source) // it ends with the reader
		_ = w.Close()
	}()
	return r, nil
}
