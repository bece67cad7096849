package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"ocgo-key/helper"
	"ocgo-key/internal/fullscreen"
	"ocgo-key/internal/hint"
	"ocgo-key/internal/term"
	"ocgo-key/internal/text"
	"ocgo-key/keychain"
	"ocgo-key/rotation"
)

const (
	// askInterval is the time between two requests for the usage while the screen is open.
	askInterval = 5 * time.Minute
	// keyLimit is the time limit for an action that a key starts.
	keyLimit = 5 * time.Second
	// changeDelay is how long changes of the state are collected before they are shown.
	changeDelay = 50 * time.Millisecond
)

// live is a running `status --watch`. It only reacts to events: a key, a new size, a change in the
// state folder, an answer of the service, or the next minute (the times on the screen change).
type live struct {
	app      *app
	pool     *rotation.Pool
	screen   screen
	layout   layout
	terminal *fullscreen.Screen

	warnings chan string
	answers  chan answer
	offline  bool
	asking   bool
	asked    time.Time      // the time of the last request to the service
	barred   bool           // the keychain refused access; only the key u tries again
	stamp    rotation.Stamp // identifies the state that is shown
}

// answer is the result of the usage requests for all accounts.
type answer struct {
	asked []helper.Asked
	err   error
}

func (c *statusCmd) watch(a *app) error {
	if a.JSON || c.Plain {
		return hint.On(hint.Input("--watch cannot be combined with --json or --plain"), "leave out --watch")
	}
	if !term.IsTerminal(a.stdin) || !term.IsTerminal(a.stdout) {
		return hint.On(hint.Input("--watch needs a terminal"), "`ocgo-key status` prints the same once")
	}
	if a.dumb() {
		return hint.On(hint.Input("--watch needs a terminal that can move the cursor; TERM says that this one cannot"), "`ocgo-key status` prints the same once")
	}
	w := &live{app: a, layout: a.layout(), offline: c.Offline, warnings: make(chan string, 8), answers: make(chan answer, 1)}
	// Warnings are shown on the screen, since nothing else may write to the terminal.
	pool, dir, err := a.poolWarning(func(message string) {
		select {
		case w.warnings <- message:
		default:
		}
	})
	if err != nil {
		return err
	}
	w.pool = pool
	if err := w.reload(); err != nil {
		return err
	}
	if !c.Offline {
		a.keys().Unlock(a.budget()) // before the screen opens, since unlocking may ask the user
	}
	return w.run(dir)
}

func (w *live) run(dir string) (err error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	changed, unwatch := watchFolder(dir)
	defer unwatch()
	signals := make(chan os.Signal, 1)
	defer term.AllowSIGQUIT()() // SIGQUIT must not end the process before the terminal is restored
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	defer signal.Stop(signals)

	if w.terminal, err = fullscreen.Open(w.app.stdin, w.app.stdout); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.terminal.Close()) }()
	w.ask(ctx)
	minute := time.NewTimer(untilNextMinute(time.Now()))
	reload := time.NewTimer(time.Hour)
	reload.Stop()
	for {
		if err := w.draw(); err != nil {
			return fmt.Errorf("cannot draw on the terminal: %w", err)
		}
		select {
		case event := <-w.terminal.Events():
			switch {
			case event.Err != nil:
				return event.Err
			case event.Resized:
				w.terminal.Redraw()
			default:
				if done, err := w.key(ctx, event.Key); done || err != nil {
					return err
				}
			}
		case <-changed:
			reload.Reset(changeDelay)
		case <-reload.C:
			if w.pool.Stamp() != w.stamp {
				w.note(w.reload())
			}
		case <-minute.C:
			minute.Reset(untilNextMinute(time.Now()))
			w.note(w.reload()) // a lease ends with its process, and that changes no file
			if !w.barred && time.Since(w.asked).Round(time.Minute) >= askInterval {
				w.ask(ctx)
			}
		case got := <-w.answers:
			w.take(got)
		case message := <-w.warnings:
			w.screen.message = message
		case <-signals:
			return nil
		}
	}
}

// untilNextMinute returns the time until the clock shows the next minute.
func untilNextMinute(now time.Time) time.Duration {
	return now.Truncate(time.Minute).Add(time.Minute).Sub(now)
}

func (w *live) draw() error {
	width, height := w.terminal.Size()
	w.layout.width = max(width, minWidth)
	return w.terminal.Draw(w.screen.frame(time.Now(), w.layout, height))
}

// reload reads the state.
func (w *live) reload() error {
	w.stamp = w.pool.Stamp()
	o, err := w.pool.Overview(context.Background())
	if err == nil {
		w.screen.update(o)
	}
	return err
}

// note shows an error, if any, and its hint.
func (w *live) note(err error) {
	if err == nil {
		return
	}
	w.screen.message = err.Error()
	if _, hint := explain(err); hint != "" {
		w.screen.message += "; " + hint
	}
}

// key handles a key. done ends the screen.
func (w *live) key(ctx context.Context, key string) (done bool, err error) {
	want := w.screen.press(key)
	switch want {
	case wantNothing:
		return false, nil
	case wantQuit:
		return true, nil
	case wantSuspend:
		return false, w.terminal.Suspend()
	case wantAnswer:
		w.barred = false
		if w.offline {
			w.screen.message = "not asked: this screen is --offline"
		}
		w.ask(ctx)
		return false, nil
	}
	if err := w.app.refuseAgent(string(want), &grammar{}); err != nil {
		w.note(err)
		return false, nil
	}
	text, err := w.alter(ctx, want)
	w.screen.message = text
	w.note(err)
	w.note(w.reload())
	return false, nil
}

// alter performs the command rotate, enable or disable, and returns a message about it.
func (w *live) alter(ctx context.Context, want intent) (did string, err error) {
	ctx, cancel := context.WithTimeout(ctx, keyLimit)
	defer cancel()
	if want == wantRotate {
		sw, err := w.pool.Skip(ctx)
		return switchedText(sw), err
	}
	v, ok := w.screen.account()
	switch {
	case !ok:
		return "", rotation.ErrEmpty
	case want == wantEnable:
		return "enabled " + text.OneLine(v.Label), w.pool.Enable(ctx, v.ID)
	}
	return "disabled " + text.OneLine(v.Label), w.pool.Disable(ctx, v.ID)
}

const askingText = "asking the service..."

// ask asks the service about all accounts, in the background.
func (w *live) ask(ctx context.Context) {
	if w.offline || w.asking || len(w.screen.pool.Accounts) == 0 {
		return
	}
	w.asking, w.asked = true, time.Now()
	w.screen.message = askingText
	poller := usagePoller(w.pool, w.app.keys(), w.app.baseURL)
	go func() {
		var got answer
		defer func() {
			if p := recover(); p != nil { // its value is not shown, since it may contain a key
				got = answer{err: fmt.Errorf("internal error (%T at %s)", p, panicPlace(debug.Stack()))}
			}
			w.answers <- got
		}()
		ctx, cancel := context.WithTimeout(ctx, askBudget)
		defer cancel()
		got.asked, got.err = poller.AskAll(ctx, askLimit)
	}()
}

// take stores and shows the answer of the service.
func (w *live) take(got answer) {
	w.asking = false
	if w.screen.message == askingText {
		w.screen.message = ""
	}
	w.note(got.err)
	w.note(w.reload())
	for _, one := range got.asked {
		if k, ok := errors.AsType[*keychain.Error](one.Err); ok && k.Kind != keychain.NotFound {
			w.barred = true
		}
	}
	if all := failures(w.screen.pool, got.asked, time.Now()); len(all) > 0 {
		w.screen.message = all[0].text
		if len(all) > 1 {
			w.screen.message += fmt.Sprintf(" (and %d more; see `ocgo-key status`)", len(all)-1)
		}
	}
}
