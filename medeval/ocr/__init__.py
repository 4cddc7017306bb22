"""Reading lab-report photos: image -> words -> rows, with confidence; nothing is corrected silently."""
