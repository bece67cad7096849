package supervise

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
)

// maxInput is the largest piped prompt that is kept for a second invocation, in bytes.
const maxInput = 64 << 20

var errInputGone = errors.New("the prompt from stdin is too long to be sent again")

// Input is a command's stdin, kept so that a second invocation reads the same text. A nil Input
// stands for a stdin that need not be kept, such as a terminal.
type Input struct {
	file   *os.File // a regular file, which can be read again from offset
	offset int64
	kept   []byte    // the content of a pipe
	rest   io.Reader // the content beyond maxInput, which can be read once; may be nil
	spent  bool      // rest was read
}

// KeepInput prepares f so that it can be read more than once. It reads a pipe up to its end, as
// OpenCode does before anything else.
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

// keepInput is like KeepInput, with a context. If ctx ends during a read, the goroutine of the read
// remains.
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

// Open returns the stdin of the next invocation; nil for this process's own.
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
		_, _ = io.Copy(w, source) // ends when the command closes its stdin
		_ = w.Close()
	}()
	return r, nil
}
