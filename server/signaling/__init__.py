"""Socket.IO in and out: authenticate, validate, authorise, dispatch, acknowledge, notify."""
