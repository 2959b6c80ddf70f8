package engine

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"strconv"

	"github.com/habeas-dsar/habeas/shared/fault"
)

// Reseal copies a list under another name and other keys, object by object, so that it outlives the case it was made for. It
// compares the hash on the way: a list that is not the one that ref names is fault.Internal, and what was written then is no
// list. Repeating it writes the same objects again.
func (e *Engine) Reseal(ctx context.Context, ref PlanRef, from, to Keys, name string) (PlanRef, error) {
	src, dst := &task{e: e, ins: Instruction{Keys: from}}, &task{e: e, ins: Instruction{Keys: to}}
	raw, err := src.getSealed(ctx, ref.Name+"/head")
	if err != nil {
		return PlanRef{}, err
	}
	var head listHead
	if json.Unmarshal(raw, &head) != nil {
		return PlanRef{}, errLine
	}
	if err := dst.putSealed(ctx, name+"/head", raw); err != nil {
		return PlanRef{}, err
	}
	digest := newListHash(head.Salt)
	for part := 1; part <= ref.Parts; part++ {
		chunk, err := src.getSealed(ctx, ref.Name+"/"+strconv.Itoa(part))
		if err != nil {
			return PlanRef{}, err
		}
		for rest := chunk; len(rest) > 0; {
			n, size := binary.Uvarint(rest)
			if size <= 0 || n > uint64(len(rest)-size) {
				return PlanRef{}, errLine
			}
			addLine(digest, rest[size:size+int(n)])
			rest = rest[size+int(n):]
		}
		if err := dst.putSealed(ctx, name+"/"+strconv.Itoa(part), chunk); err != nil {
			return PlanRef{}, err
		}
	}
	if hex.EncodeToString(digest.Sum(nil)) != ref.Hash {
		return PlanRef{}, fault.New(fault.Internal, "a stored plan is not the one that was approved")
	}
	ref.Name = name
	return ref, nil
}
