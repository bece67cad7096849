package rotation

import (
	"context"
	"fmt"
	"slices"
	"time"

	"ocgo-key/rotation/state"
)

// refusedFor is how long an account is not picked after its user and /usage have both refused its
// key. It is no rejection, since /usage is known to refuse keys that work: see docs/facts.md,
// "Usage".
const refusedFor = 10 * time.Minute

// RefusedKey is the verdict on an account whose key was refused: its caller asks for a key again,
// and /usage answered with this status, 401 or 403.
func RefusedKey(status int, now time.Time) Verdict {
	return Verdict{Action: Cool, Until: now.Add(refusedFor), Reason: fmt.Sprintf("its key was refused (%d)", status)}
}

// Limit returns the verdict for the used-up windows of u. It cools the account until the last of
// them is reset. limited is false if no window is used up, or the service does not say until when.
func (u Usage) Limit(now time.Time) (v Verdict, limited bool) {
	v, limited = u.limit(now)
	return v, limited && !v.Until.IsZero()
}

// Held returns the account in the holder's lease, and when the holder was last given its key by
// `get`. ok is false if it has none, or cannot keep it.
func (p *Leases) Held(ctx context.Context, holder Holder) (h Handout, got time.Time, ok bool) {
	s, err := p.store.Read(ctx)
	if err != nil {
		return Handout{}, time.Time{}, false
	}
	l := p.current(s, holder, Ask{})
	if l == nil {
		return Handout{}, time.Time{}, false
	}
	a := s.Find(l.Account)
	if a == nil || !(Ask{}).keeps(a, p.now()) {
		return Handout{}, time.Time{}, false
	}
	return p.handout(a), p.lastGet(*l), true
}

// lastGet returns when the holder of a process' lease was last given this account's key by `get`;
// zero if it never was.
func (p *base) lastGet(l state.Lease) time.Time {
	if noted := p.store.LastGet(l.PID); noted.After(l.Got) && !noted.Before(l.Since) {
		return noted
	}
	return l.Got
}

// NoteGet records that the process calls `get` now. It does not write the state. Without the record
// the next `get` counts as a normal one, so errors are ignored.
func (p *Records) NoteGet(holder Holder) {
	if pid, _ := holder.names(); pid != 0 {
		_ = p.store.NoteGet(pid, p.now())
	}
}

// useNoted is the least time between two records of the use of an account.
const useNoted = time.Minute

// NoteUse records that an account has just served a request.
func (p *Records) NoteUse(ctx context.Context, id string) error {
	return p.update(ctx, func(s *state.State) error {
		i := slices.IndexFunc(s.Accounts, func(a state.Account) bool { return a.ID == id })
		if i < 0 || p.now().Sub(s.Accounts[i].LastUsed).Abs() < useNoted {
			return errUnchanged
		}
		s.Accounts[i].LastUsed = p.now()
		return nil
	})
}
