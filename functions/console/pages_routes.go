package console

func (h *Handler) pageRoutes() []Route { return nil }
