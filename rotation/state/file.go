package state

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"ocgo-key/internal/atomicfile"
	"ocgo-key/internal/hint"
	"ocgo-key/internal/trust"
)

const (
	fileName   = "state.json"
	lastName   = "state.json.last" // the last good copy
	lockName   = "state.lock"
	eventsName = "events.jsonl"
)

// lockTimeout limits the wait for the lock, besides the context. A process holds the lock for about
// 1 ms, but hundreds may be waiting on a busy machine.
const lockTimeout = time.Minute

// File keeps a State in a folder. Reading takes no lock, since a write replaces the whole file. A
// File is safe for concurrent use.
type File struct {
	dir  string
	main string // the path of state.json, which each request of a gateway needs
	warn func(message string)
	now  func() time.Time

	warned sync.Map // the errors that warnOnce has reported

	writeBehind bool           // set by WriteBehind
	writes      sync.WaitGroup // the background writes of copies and events
}

// WriteBehind makes Update return once state.json is written. The copy and the events are then
// written in the background. The lock is held until then, so that the next change comes after them.
// If a change must survive a power cut, Update still waits until everything is written. WriteBehind
// must be called before the first Update, and Wait before the process ends.
func (f *File) WriteBehind() { f.writeBehind = true }

// Wait waits for the background writes.
func (f *File) Wait() { f.writes.Wait() }

// OpenFile returns the state in the folder dir. It does no I/O; the first write creates dir. warn
// is called with a sentence for the user when a file cannot be read or written.
func OpenFile(dir string, now func() time.Time, warn func(string)) *File {
	return &File{dir: dir, main: filepath.Join(dir, fileName), warn: warn, now: now}
}

func (f *File) path(name string) string { return filepath.Join(f.dir, name) }

// Read returns the state, or an empty one if there is none yet. The caller may change its
// Conversations, but nothing else, since other goroutines may share the rest.
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
	unlock, err := f.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	return f.loadOrRepair()
}

// Update reads the state, calls change, and writes the changed state, while it holds the lock
// between processes. If change returns an error, Update writes nothing and returns that error.
func (f *File) Update(ctx context.Context, change func(*State) error) error {
	unlock, err := f.lock(ctx)
	if err != nil {
		return err
	}
	rest, durable, err := f.change(change)
	if err != nil || durable || !f.writeBehind {
		defer unlock()
		if err == nil {
			rest()
		}
		return err
	}
	f.writes.Go(func() {
		defer unlock()
		rest()
	})
	return nil
}

// change reads the state, calls its argument, and writes state.json. The caller holds the lock, and
// calls rest to write the copy and the events.
func (f *File) change(change func(*State) error) (rest func(), durable bool, err error) {
	s, err := f.loadOrRepair()
	if err != nil {
		return nil, false, err
	}
	changed := s.clone()
	if err := change(changed); err != nil {
		return nil, false, err
	}
	durable = !sameIdentity(s, changed)
	rest, err = f.writeState(changed, durable, !onlyLeases(s, changed))
	return rest, durable, err
}

// onlyLeases reports whether two states differ in nothing but leases, turns and times of use. Then
// an existing copy of a need not be replaced: it is read only after state.json has been damaged.
func onlyLeases(a, b *State) bool {
	if len(a.Accounts) != len(b.Accounts) {
		return false
	}
	c := *b
	c.Leases, c.Conversations, c.Pruned, c.Last, c.Turns, c.Passed, c.events = a.Leases, a.Conversations, a.Pruned, a.Last, a.Turns, a.Passed, a.events
	c.Accounts = slices.Clone(b.Accounts)
	for i := range c.Accounts {
		c.Accounts[i].LastUsed = a.Accounts[i].LastUsed
	}
	return reflect.DeepEqual(a, &c)
}

// sameIdentity reports whether two states agree in the data that must survive a power cut: which
// key belongs to which account, and where the keys are stored. The loss of a lease or a time does
// no harm.
func sameIdentity(a, b *State) bool {
	sameAccount := func(x, y Account) bool {
		return x.ID == y.ID && x.Label == y.Label && x.Disabled == y.Disabled && x.KeyRev == y.KeyRev
	}
	samePending := func(x, y Pending) bool { return x.ID == y.ID }
	// After the store has changed, the caller deletes keys from the old one.
	sameStore := a.Settings.Store == b.Settings.Store && a.Settings.Identity == b.Settings.Identity && a.Settings.Move == b.Settings.Move
	return sameStore && slices.EqualFunc(a.Accounts, b.Accounts, sameAccount) && slices.EqualFunc(a.Pending, b.Pending, samePending)
}

// Stamp identifies one version of the file. Two stamps are compared with ==.
type Stamp struct {
	mtime time.Time
	size  int64
	inode uint64
}

// Stamp returns the stamp of the file, which costs one stat; the zero Stamp if there is no file.
func (f *File) Stamp() Stamp {
	info, err := os.Stat(f.main)
	if err != nil {
		return Stamp{}
	}
	return Stamp{info.ModTime(), info.Size(), inode(info)}
}

// unreadableError is the error for a file that exists but is not valid.
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

// load reads a file. The caller must not change the state.
func (f *File) load(name string) (*State, error) {
	text, err := f.content(name)
	if err != nil {
		return nil, err
	}
	s, err := decode(text)
	if s.Version > Version {
		return nil, fmt.Errorf("%w (its format is %d, this version reads %d)", ErrNewer, s.Version, Version)
	}
	if err != nil {
		return nil, &unreadableError{name, err}
	}
	return s, nil
}

// maxState bounds state.json, in bytes: a thousand accounts take less than one megabyte.
const maxState = 16 << 20

// content returns the text of a file. It refuses files of other users (see package trust) and files
// that are too large. It also refuses pipes and devices, since reading them might never end.
func (f *File) content(name string) ([]byte, error) {
	if err := trust.Folder(f.dir); err != nil {
		return nil, err
	}
	file, err := trust.Open(f.path(name), os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, &unreadableError{name, errors.New("the file is not a regular file")}
	case info.Size() > maxState:
		return nil, &unreadableError{name, fmt.Errorf("the file is larger than %d MiB", maxState>>20)}
	}
	return read(file, info.Size())
}

// read returns the content of the file, which was size bytes long a moment ago. If it equals the
// text that was decoded last, read returns that text, to save memory.
func read(file *os.File, size int64) ([]byte, error) {
	if l := latest.Load(); l != nil && int64(len(l.text)) == size {
		if same(file, l.text) {
			return l.text, nil
		}
		if _, err := file.Seek(0, io.SeekStart); err != nil {
			return nil, err
		}
	}
	text := make([]byte, min(size, maxState))
	n, err := io.ReadFull(file, text)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) { // the file has become shorter
		err = nil
	}
	return text[:n], err
}

// same reports whether the content of file is exactly text.
func same(file io.Reader, text []byte) bool {
	chunk := make([]byte, min(len(text)+1, 64<<10))
	for {
		n, err := file.Read(chunk)
		if n > len(text) || !bytes.Equal(text[:n], chunk[:n]) {
			return false
		}
		if text = text[n:]; err != nil {
			return err == io.EOF && len(text) == 0
		}
	}
}

// loadOrRepair reads the state. If the file is unreadable or missing, it restores the last good
// copy. The caller holds the lock.
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

// write writes the state, its copy and the events. With durable, the state survives a power cut.
func (f *File) write(s *State, durable bool) error {
	rest, err := f.writeState(s, durable, true)
	if err == nil {
		rest()
	}
	return err
}

// writeState writes state.json. rest writes its copy, if withCopy is true, and the events.
func (f *File) writeState(s *State, durable, withCopy bool) (rest func(), err error) {
	s.Version = Version
	if s.Accounts == nil {
		s.Accounts = []Account{}
	}
	data, err := encode(s)
	if err != nil {
		return nil, err
	}
	data = append(data, '\n')
	if err := atomicfile.Write(f.path(fileName), data, 0o600, durable); err != nil {
		return nil, fmt.Errorf("cannot write the state: %w", err)
	}
	events := s.events
	return func() { // state.json is complete without them, so errors are only warnings
		if withCopy {
			f.warnOnce("the copy of the state cannot be written", writeCopy(f.path(lastName), data, durable))
		}
		f.warnOnce("the history cannot be written", appendEvents(f.path(eventsName), events))
	}, nil
}

// warnOnce warns the user of err, unless it is nil or message was shown before.
func (f *File) warnOnce(message string, err error) {
	if err == nil {
		return
	}
	if _, warned := f.warned.LoadOrStore(message, true); !warned {
		f.warn(fmt.Sprintf("%s: %v", message, err))
	}
}

// writeCopy writes the copy of state.json. Without durable the copy may be missing for a moment,
// while state.json exists.
func writeCopy(path string, data []byte, durable bool) error {
	if durable {
		return atomicfile.Write(path, data, 0o600, durable)
	}
	return atomicfile.Renew(path, data, 0o600)
}

// lock takes the lock between processes. The caller calls unlock to release it.
func (f *File) lock(ctx context.Context) (unlock func(), err error) {
	if err := os.MkdirAll(f.dir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot create the state folder: %w", err)
	}
	if err := trust.Folder(f.dir); err != nil {
		return nil, err
	}
	if err := trust.Check(f.path(lockName)); err != nil {
		return nil, err
	}
	// The file is not opened read-only: if the path is a pipe, that would block.
	lock := flock.New(f.path(lockName), flock.SetPermissions(0o600), flock.SetFlag(os.O_CREATE|os.O_RDWR|trust.NoFollow))
	if ok, err := lock.TryLock(); err != nil {
		return nil, fmt.Errorf("cannot lock the state: %w", err)
	} else if !ok {
		if err := waitForLock(ctx, lock); err != nil {
			return nil, err
		}
	}
	return func() { _ = lock.Close() }, nil // closing the file releases the lock
}

// waitForLock waits for the lock with a system call, since polling would be slower. The system call
// cannot be canceled: after a timeout, a goroutine waits until it returns, and then releases the
// lock.
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
			<-got //nolint:errcheck // the lock is released whether it was taken or not
			_ = lock.Close()
		}()
		return hint.On(hint.As(ctx.Err(), fmt.Errorf("another process holds %s and does not release it", lock.Path())),
			"`ocgo-key doctor` names the process")
	}
}
