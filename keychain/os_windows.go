package keychain

import (
	"context"
	"errors"
	"slices"
	"strings"
	"syscall"

	"github.com/danieljoos/wincred"
	"github.com/zalando/go-keyring"
)

func system() platform { return platform{classify: classify, inspect: inspect} }

// credentialManager is go-keyring.
type credentialManager struct{}

func systemBackend() backend { return credentialManager{} }

func (credentialManager) Get(_ context.Context, service, user string) (string, error) {
	return keyring.Get(service, user)
}

func (credentialManager) Set(_ context.Context, service, user, password string) error {
	return keyring.Set(service, user, password)
}

func (credentialManager) Delete(_ context.Context, service, user string) error {
	return keyring.Delete(service, user)
}

// classify returns the error for an error code of Credential Manager's CredRead, CredWrite,
// CredDelete and CredEnumerate, or nil.
func classify(_ context.Context, err error) error {
	if code, ok := errors.AsType[syscall.Errno](err); ok {
		return windowsError(uint32(code))
	}
	return nil
}

// inspect lists the ids of all keys. Credential Manager always lists entries with their keys, so
// the keys are overwritten at once.
func inspect(ctx context.Context) (Inspection, error) {
	found, err := wincred.FilteredList(Service + ":*")
	if errors.Is(err, wincred.ErrElementNotFound) {
		return Inspection{}, nil
	}
	if err != nil {
		if known := classify(ctx, err); known != nil {
			return Inspection{}, known
		}
		return Inspection{}, &Error{Err: errors.New("Credential Manager could not list its entries"), Hint: "try again"}
	}
	var ids []string
	for _, credential := range found {
		clear(credential.CredentialBlob)
		if id, ours := strings.CutPrefix(credential.TargetName, Service+":"); ours && id != "" {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return Inspection{IDs: ids}, nil
}
