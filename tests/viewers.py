"""Files for viewers, read by the reader that ParaView calls "XDMF Reader"."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np


def read(path: Path, time: int) -> list[Any]:
    """The grids of one time step, as VTK's reader makes them; failing where it complains."""
    from vtkmodules import vtkIOXdmf2 as vtk
    from vtkmodules.util.misc import calldata_type  # noqa: F401  loads the wrappers
    from vtkmodules.vtkCommonDataModel import vtkCompositeDataSet

    reader, said = vtk.vtkXdmfReader(), []
    reader.AddObserver("ErrorEvent", lambda *_: said.append("error"))
    reader.SetFileName(str(path))
    reader.UpdateInformation()
    information = reader.GetOutputInformation(0)
    executive = reader.GetExecutive()
    times = information.Get(executive.TIME_STEPS())
    assert time in times
    information.Set(executive.UPDATE_TIME_STEP(), float(time))
    reader.Update()
    assert not said
    output, grids = reader.GetOutputDataObject(0), []
    if not isinstance(output, vtkCompositeDataSet):
        return [output]
    iterator = output.NewIterator()
    while not iterator.IsDoneWithTraversal():
        grids.append(iterator.GetCurrentDataObject())
        iterator.GoToNextItem()
    return grids


def points(grid: Any) -> np.ndarray:
    from vtkmodules.util.numpy_support import vtk_to_numpy

    return vtk_to_numpy(grid.GetPoints().GetData()).copy()


def array(data: Any, name: str) -> np.ndarray:
    from vtkmodules.util.numpy_support import vtk_to_numpy

    assert data.GetArray(name) is not None, name
    return vtk_to_numpy(data.GetArray(name)).copy()
