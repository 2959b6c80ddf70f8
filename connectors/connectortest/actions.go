package connectortest

import "github.com/habeas-dsar/habeas/shared/dsar"

type engineAction = dsar.Action

const (
	locate   = dsar.Locate
	dryRun   = dsar.DryRun
	readOut  = dsar.ReadOut
	correct  = dsar.Correct
	erase    = dsar.Erase
	restrict = dsar.Restrict
	verify   = dsar.VerifyAfter
)
