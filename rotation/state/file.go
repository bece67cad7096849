package state

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"ocgo-key/internal/atomicfile"
)

const (
	fileName   = "state.json"
	lastName   = "state.json.last" // the last good copy
	lockName   = "state.lock"
	eventsName = "events.jsonl"
)

// lockTimeout bounds the wait for other processes' read-change-writes, where the context does not.
// Each takes a millisecond, but there may be hundreds in line on a busy machine.
const lockTimeout = time.Minute

// File keeps a State in a folder. Reading takes no lock, since a write replaces the file as a
// whole. A File is safe for use by several goroutines.
type File struct {
	dir  string
	warn func(message string)
	now  func() time.Time

	mu       sync.Mutex
	reported map[string]bool // errors that the user was warned of

	trails bool           // see Trail
	trail  sync.WaitGroup // copies and events on their way
}

// Trail makes Update return once the state itself is written. The copy and the history follow,
// still under the lock: they are in nobody's way, and come before the next change. It is for a
// process that goes on working, and is to be called before the first Update; Wait is to be called
// before the process ends. Changes that must survive a power cut are whole when Update returns, as
// without it.
func (f *File) Trail() { f.trails = true }

// Wait returns when nothing is on its way any more.
func (f *File) Wait() { f.trail.Wait() }

// OpenFile returns the state in the folder dir, which is made at the first write. warn is called
// with a sentence for the user when an unreadable file was set aside. Nothing is touched yet.
func OpenFile(dir string, now func() time.Time, warn func(string)) *File {
	return &File{dir: dir, warn: warn, now: now}
}

// Dir is the folder of the state.
func (f *File) Dir() string { return f.dir }

func (f *File) path(name string) string { return filepath.Join(f.dir, name) }

// Read returns the state as it stands; an empty one where there is none yet. It is to be read
// alone: others may have it too. Only its list of conversations is the caller's.
func (f *File) Read(ctx context.Context) (*State, error) {
	s, err := f.load(fileName)
	if err == nil || errors.Is(err, ErrNewer) {
		return s, err
	}
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(f.path(lastName)); errors.Is(err, fs.ErrNotExist) {
			return &State{Version: Version}, nil
		}
	} else if !isUnreadable(err) {
		return nil, err
	}
	// It needs a repair, which takes the lock.
	err = f.locked(ctx, func() error {
		s, err = f.loadOrRepair()
		return err
	})
	return s, err
}

// Update reads the state, lets change alter it, and writes it back, all under the lock that every
// process takes. When change returns an error nothing is written and the error is returned as it
// is.
func (f *File) Update(ctx context.Context, change func(*State) error) error {
	unlock, err := f.lock(ctx)
	if err != nil {
		return err
	}
	rest, durable, err := f.change(change)
	if err != nil || durable || !f.trails {
		defer unlock()
		if err == nil {
			rest()
		}
		return err
	}
	f.trail.Go(func() {
		defer unlock()
		rest()
	})
	return nil
}

// change reads the state, lets change alter it, and writes it. What is left to do then is rest. The
// caller has the lock.
func (f *File) change(change func(*State) error) (rest func(), durable bool, err error) {
	s, err := f.loadOrRepair()
	if err != nil {
		return nil, false, err
	}
	before := s
	s = s.clone()
	if err := change(s); err != nil {
		return nil, false, err
	}
	durable = !sameIdentity(before, s)
	rest, err = f.writeState(s, durable)
	return rest, durable, err
}

// sameIdentity reports whether two states agree in what must survive a power cut: leases and times
// can be learned anew, which key belongs to which account cannot.
func sameIdentity(a, b *State) bool {
	sameAccount := func(x, y Account) bool {
		return x.ID == y.ID && x.Label == y.Label && x.Disabled == y.Disabled && x.KeyRev == y.KeyRev
	}
	samePending := func(x, y Pending) bool { return x.ID == y.ID }
	// Where the keys are counts too: the next step of a move deletes some.
	sameStore := a.Settings.Store == b.Settings.Store && a.Settings.Identity == b.Settings.Identity && a.Settings.Move == b.Settings.Move
	return sameStore && slices.EqualFunc(a.Accounts, b.Accounts, sameAccount) && slices.EqualFunc(a.Pending, b.Pending, samePending)
}

// Stamp tells one content of the file from another, for the price of a stat. Compare with ==.
type Stamp struct {
	mtime time.Time
	size  int64
	inode uint64
}

// Stamp of the file as it stands; the zero Stamp where there is none.
func (f *File) Stamp() Stamp {
	info, err := os.Stat(f.path(fileName))
	if err != nil {
		return Stamp{}
	}
	return Stamp{info.ModTime(), info.Size(), inode(info)}
}

// unreadableError is a file that is there and can be opened, but makes no sense.
type unreadableError struct {
	name string
	err  error
}

func (e *unreadableError) Error() string { return e.name + ": " + e.err.Error() }
func (e *unreadableError) Unwrap() error { return e.err }

func isUnreadable(err error) bool {
	_, is := errors.AsType[*unreadableError](err)
	return is
}

// load returns what is in the file, for reading alone.
func (f *File) load(name string) (*State, error) {
	text, err := f.content(name)
	if err != nil {
		return nil, err
	}
	s, err := decode(text)
	if s.Version > Version {
		return nil, fmt.Errorf("%w (format %d, this one knows %d)", ErrNewer, s.Version, Version)
	}
	if err != nil {
		return nil, &unreadableError{name, err}
	}
	return s, nil
}

// content is what is in the file. What is no file makes no sense either, and reading it might never
// end.
func (f *File) content(name string) (string, error) {
	info, err := os.Stat(f.path(name))
	switch {
	case err == nil && info.Mode().IsRegular():
		return read(f.path(name), info.Size())
	case err == nil:
		return "", &unreadableError{name, errors.New("it is not a regular file")}
	case !errors.Is(err, fs.ErrNotExist):
		if link, lerr := os.Lstat(f.path(name)); lerr == nil && link.Mode()&fs.ModeSymlink != 0 {
			return "", &unreadableError{name, err} // it leads to itself, for one
		}
	}
	return "", err
}

// read returns what is in the file at path, which was size bytes long a moment ago. Where that is
// what was decoded last, it is not in memory twice.
func read(path string, size int64) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }()
	if l := latest.Load(); l != nil && int64(len(l.text)) == size {
		if same(file, l.text) {
			return l.text, nil
		}
		if _, err := file.Seek(0, io.SeekStart); err != nil {
			return "", err
		}
	}
	var text strings.Builder
	text.Grow(int(size))
	_, err = io.Copy(&text, file)
	return text.String(), err
}

// same reports whether text is all that file has.
func same(file io.Reader, text string) bool {
	chunk := make([]byte, min(len(text)+1, 64<<10))
	for {
		n, err := file.Read(chunk)
		if n > len(text) || text[:n] != string(chunk[:n]) {
			return false
		}
		if text = text[n:]; err != nil {
			return err == io.EOF && text == ""
		}
	}
}

// loadOrRepair reads the state; where that fails for its content, or the file is gone, it takes the
// last good copy.
func (f *File) loadOrRepair() (*State, error) {
	s, err := f.load(fileName)
	unreadable := isUnreadable(err)
	if !unreadable && !errors.Is(err, fs.ErrNotExist) {
		return s, err
	}
	last, lastErr := f.load(lastName)
	if lastErr != nil {
		if errors.Is(lastErr, ErrNewer) {
			return nil, lastErr
		}
		last = &State{Version: Version}
	}
	if !unreadable {
		if lastErr == nil {
			f.warn(fmt.Sprintf("%s was missing; the last good copy is used", f.path(fileName)))
			return last, f.write(last, true)
		}
		return last, nil
	}
	aside := f.path(fileName + ".bak." + strconv.FormatInt(f.now().Unix(), 10))
	if err := os.Rename(f.path(fileName), aside); err != nil {
		return nil, err
	}
	if lastErr != nil {
		f.warn(fmt.Sprintf("%s could not be read and is now %s; there is no good copy, so the pool is empty; keys that were added are still in the keychain, and `ocgo-key doctor --repair` lists them again", f.path(fileName), aside))
	} else {
		f.warn(fmt.Sprintf("%s could not be read and is now %s; the last good copy is used", f.path(fileName), aside))
	}
	return last, f.write(last, true)
}

// write replaces the file, then the last good copy, then appends the events. Durable means that it
// must survive a power cut.
func (f *File) write(s *State, durable bool) error {
	rest, err := f.writeState(s, durable)
	if err == nil {
		rest()
	}
	return err
}

// writeState replaces the file; rest is what follows that.
func (f *File) writeState(s *State, durable bool) (rest func(), err error) {
	s.Version = Version
	if s.Accounts == nil {
		s.Accounts = []Account{}
	}
	data, err := encode(s)
	if err != nil {
		return nil, err
	}
	data = append(data, '\n')
	if err := writeAtomic(f.path(fileName), data, durable); err != nil {
		return nil, fmt.Errorf("cannot write the state: %w", err)
	}
	// It is done. What fails now is no reason to undo what the state says.
	events := s.events
	return func() {
		f.trouble("the copy of the state cannot be written", writeCopy(f.path(lastName), data, durable))
		f.trouble("the history cannot be written", appendEvents(f.path(eventsName), events))
	}, nil
}

// trouble tells of an error once.
func (f *File) trouble(what string, err error) {
	if err == nil {
		return
	}
	f.mu.Lock()
	reported := f.reported[what]
	if f.reported == nil {
		f.reported = make(map[string]bool)
	}
	f.reported[what] = true
	f.mu.Unlock()
	if !reported {
		f.warn(fmt.Sprintf("%s: %v", what, err))
	}
}

// writeCopy is writeAtomic for the copy of a state that was just written: as long as that stands,
// none is needed.
func writeCopy(path string, data []byte, durable bool) error {
	if durable {
		return writeAtomic(path, data, durable)
	}
	return atomicfile.Renew(path, data, 0o600)
}

func writeAtomic(path string, data []byte, durable bool) error {
	return atomicfile.Write(path, data, 0o600, durable)
}

// locked runs do while this process holds the lock.
func (f *File) locked(ctx context.Context, do func() error) error {
	unlock, err := f.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	return do()
}

// lock takes the lock; unlock gives it up.
func (f *File) lock(ctx context.Context) (unlock func(), err error) {
	if err := os.MkdirAll(f.dir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot make the state folder: %w", err)
	}
	// Opened for reading alone, a pipe in its place would be waited for.
	lock := flock.New(f.path(lockName), flock.SetPermissions(0o600), flock.SetFlag(os.O_CREATE|os.O_RDWR))
	if ok, err := lock.TryLock(); err != nil {
		return nil, fmt.Errorf("cannot lock the state: %w", err)
	} else if !ok {
		if err := waitForLock(ctx, lock); err != nil {
			return nil, err
		}
	}
	return func() { _ = lock.Close() }, nil // closing the file gives the lock up
}

// waitForLock waits in the kernel's queue, which wakes in microseconds where polling would take its
// turn. The system call cannot be cancelled, so on a time-out it is left behind, to give the lock
// up once it has it.
func waitForLock(ctx context.Context, lock *flock.Flock) error {
	ctx, cancel := context.WithTimeout(ctx, lockTimeout)
	defer cancel()
	got := make(chan error, 1)
	go func() { got <- lock.Lock() }()
	select {
	case err := <-got:
		if err != nil {
			return fmt.Errorf("cannot lock the state: %w", err)
		}
		return nil
	case <-ctx.Done():
		go func() {
			<-got //nolint:errcheck // whether it has the lock or not, it gives it up
			_ = lock.Close()
		}()
		return fmt.Errorf("another ocgo-key has held %s for too long: %w", lock.Path(), ctx.Err())
	}
}
