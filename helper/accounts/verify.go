package accounts

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"ocgo-key/helper"
	"ocgo-key/internal/hint"
	"ocgo-key/keychain"
	"ocgo-key/rotation"
)

// verifyTimeout limits the request that checks a key with the service.
const verifyTimeout = 10 * time.Second

// ErrUnknownKey means that the service does not know a key.
var ErrUnknownKey = errors.New("the service does not know this key (401)")

// ErrNoSubscription means that the service knows a key, but the key has no Go subscription.
var ErrNoSubscription = errors.New("the service says that this key has no Go subscription (403)")

// Check requests the usage of the key from the service. The error is [ErrUnknownKey],
// [ErrNoSubscription], or the reason why the request failed.
func (a *Accounts) Check(ctx context.Context, key keychain.Secret) (rotation.Usage, error) {
	ctx, cancel := context.WithTimeout(ctx, verifyTimeout)
	defer cancel()
	usage, err := helper.FetchUsage(ctx, helper.NewClient(), a.Service, key)
	if refused, ok := errors.AsType[*helper.UsageError](err); ok {
		switch refused.Status {
		case http.StatusUnauthorized:
			return rotation.Usage{}, ErrUnknownKey
		case http.StatusForbidden:
			return rotation.Usage{}, ErrNoSubscription
		}
	}
	return usage, helper.Unreachable(err)
}

// vet returns an error if another account has the key, or if the service does not know it. It warns
// if the key shares its usage limit with another key. self is the id of the account that gets the
// key; empty for a new account.
func (a *Accounts) vet(ctx context.Context, self string, key keychain.Secret, unchecked bool) (rotation.Usage, error) {
	if err := a.refuseKnownKey(ctx, self, key); err != nil {
		return rotation.Usage{}, err
	}
	if unchecked {
		return rotation.Usage{}, nil
	}
	usage, err := a.Check(ctx, key)
	switch {
	case err == nil:
		o, err := a.Pool.Overview(ctx)
		a.WarnSharedUsage(o, self, usage)
		return usage, err
	case errors.Is(err, ErrUnknownKey):
		return rotation.Usage{}, hint.On(hint.As(hint.ErrRefused, err), "check that you copied the whole key; --no-verify stores it anyway")
	case errors.Is(err, ErrNoSubscription):
		a.Tell.Warn(err.Error()+"; it will be stored anyway", "subscribe, or remove the account with `ocgo-key remove`")
	default:
		a.Tell.Warn("the key could not be checked: "+err.Error(), "it will be stored anyway; --no-verify skips the check")
	}
	return rotation.Usage{}, nil
}

// WarnSharedUsage warns if other accounts have the same subscription, since they share one usage
// limit.
func (a *Accounts) WarnSharedUsage(o rotation.Overview, self string, usage rotation.Usage) {
	var others []string
	for _, v := range o.Accounts {
		if v.ID != self && usage.Workspace != "" && usage.User != "" && v.Workspace == usage.Workspace && v.User == usage.User {
			others = append(others, v.Label)
		}
	}
	if len(others) == 0 {
		return
	}
	share := "the two share"
	if len(others) > 1 {
		share = "all of them share"
	}
	a.Tell.Warn(fmt.Sprintf("this key belongs to the same workspace and user as %s: %s one usage limit", strings.Join(others, ", "), share),
		"a second workspace with its own subscription has its own usage limit")
}
