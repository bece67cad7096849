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
	// askEvery is the time between two questions to the service while the screen is open.
	askEvery = 5 * time.Minute
	// keyLimit bounds what a key does.
	keyLimit = 5 * time.Second
	// settle is how long changes of the state are gathered before they are shown.
	settle = 50 * time.Millisecond
)

// live is `status --watch` while it runs. Between two events it waits: nothing is done by the second. An event is a
// key, a new size, a change in the state's folder, an answer of the service, or the next minute, with which all
// times on the screen change.
type live struct {
	app      *app
	pool     *rotation.Pool
	screen   screen
	look     look
	terminal *fullscreen.Screen

	warnings chan string
	answers  chan answer
	offline  bool
	asking   bool
	asked    time.Time      // when the service was last asked
	barred   bool           // the keychain did not give the keys: it is not asked again until the user says so
	stamp    rotation.Stamp // of what is shown
}

// answer is what became of a question about all accounts.
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
	w := &live{app: a, look: a.look(), offline: c.Offline, warnings: make(chan string, 8), answers: make(chan answer, 1)}
	// Nobody else writes on a full screen: what there is to say goes onto it.
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
		a.keys().Unlock(a.budget()) // on a full screen there is no room for a question
	}
	return w.run(dir)
}

func (w *live) run(dir string) (err error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	changed, unwatch := watchFolder(dir)
	defer unwatch()
	signals := make(chan os.Signal, 1)
	defer term.AllowSIGQUIT()() // nothing may end it before the terminal is as it was
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	defer signal.Stop(signals)

	if w.terminal, err = fullscreen.Open(w.app.stdin, w.app.stdout); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.terminal.Close()) }()
	w.ask(ctx)
	minute := time.NewTimer(untilNextMinute(time.Now()))
	settled := time.NewTimer(time.Hour)
	settled.Stop()
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
			settled.Reset(settle)
		case <-settled.C:
			if w.pool.Stamp() != w.stamp {
				w.note(w.reload())
			}
		case <-minute.C:
			minute.Reset(untilNextMinute(time.Now()))
			w.note(w.reload()) // who holds what is over when a process ends, and that changes no state
			if !w.barred && time.Since(w.asked).Round(time.Minute) >= askEvery {
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

// untilNextMinute is the time until the clock shows another minute.
func untilNextMinute(now time.Time) time.Duration {
	return now.Truncate(time.Minute).Add(time.Minute).Sub(now)
}

func (w *live) draw() error {
	width, height := w.terminal.Size()
	w.look.width = max(width, leastWidth)
	return w.terminal.Draw(w.screen.frame(time.Now(), w.look, height))
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

// note shows an error.
func (w *live) note(err error) {
	if err == nil {
		return
	}
	w.screen.message = err.Error()
	if _, hint := explain(err); hint != "" {
		w.screen.message += "; " + hint
	}
}

// key does what a key asks for. done ends the screen.
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

// alter is what the commands rotate, enable and disable do.
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

// ask asks the service about all accounts, beside everything else.
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
			if p := recover(); p != nil { // what was thrown may hold a key: it is not shown
				got = answer{err: fmt.Errorf("internal error (%T at %s)", p, panicPlace(debug.Stack()))}
			}
			w.answers <- got
		}()
		ctx, cancel := context.WithTimeout(ctx, askBudget)
		defer cancel()
		got.asked, got.err = poller.AskAll(ctx, askLimit)
	}()
}

// take shows what the service said.
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
	if all := troubles(w.screen.pool, got.asked, time.Now()); len(all) > 0 {
		w.screen.message = all[0].text
		if len(all) > 1 {
			w.screen.message += fmt.Sprintf(" (and %d more; see `ocgo-key status`)", len(all)-1)
		}
	}
}
