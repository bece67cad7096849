package rotation

import (
	"context"
	"fmt"
	"slices"
	"time"

	"ocgo-key/rotation/state"
)

// refusedFor is the cooldown of an account after a caller of `get` reported that its key was
// refused, and /usage refused the key too. The account is not rejected, since /usage also refuses
// keys that work: see docs/facts.md, "Usage".
const refusedFor = 10 * time.Minute

// RefusedKey is the verdict on an account if a caller of `get` reports that the key was refused,
// and /usage answers with this status, 401 or 403.
func RefusedKey(status int, now time.Time) Verdict {
	return Verdict{Action: Cool, Until: now.Add(refusedFor), Reason: fmt.Sprintf("its key was refused (%d)", status)}
}

// Limit returns the verdict for the used-up windows of u: a cooldown until the last of them is
// reset. limited is false if no window is used up, or if the time of the reset is unknown.
func (u Usage) Limit(now time.Time) (v Verdict, limited bool) {
	v, limited = u.limit(now)
	return v, limited && !v.Until.IsZero()
}

// Held returns the account in the holder's lease, and when `get` last gave its key to the holder.
// ok is false if the holder has no account, or cannot keep it.
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

// lastGet returns when `get` last gave the account's key to the process that has the lease; zero if
// it never did.
func (p *base) lastGet(l state.Lease) time.Time {
	if noted := p.store.LastGet(l.PID); noted.After(l.Got) && !noted.Before(l.Since) {
		return noted
	}
	return l.Got
}

// NoteGet records that the process calls `get` now. It does not write the state. Errors are
// ignored: without the record, the next `get` is treated as the first one.
func (p *Records) NoteGet(holder Holder) {
	if pid, _ := holder.names(); pid != 0 {
		_ = p.store.NoteGet(pid, p.now())
	}
}

// useNoted is the minimum time between two records of the use of an account.
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
